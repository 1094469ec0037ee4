use super::*;
use std::collections::HashMap;

const PLAN: Plan<'_> = Plan { kind: kind::VALUE, constants: [1, 2, 3], bytes: 168, needs: &[] };

fn setup() -> (Arc<Blocks>, Arc<Objects>) {
    let blocks = Arc::new(Blocks::new(64 << 20).unwrap());
    (blocks.clone(), Objects::new(blocks, Box::new(|_| true)))
}

#[test]
fn an_object_lives_as_long_as_anybody_holds_it() {
    let (blocks, objects) = setup();
    let object = objects.create(1025, PLAN).unwrap();
    let words: Vec<_> = (0..4).map(|i| blocks.region().word(Blocks::payload(object) + i * 4).unwrap()).collect();
    assert_eq!(words.iter().map(|word| word.load(Ordering::Relaxed)).collect::<Vec<_>>(), [1, 1, 2, 3]);
    assert!(objects.open(1026, object) && objects.open(1026, object));
    assert!(objects.release(1025, object) && !objects.release(1025, object));
    assert_eq!(objects.count(), 1);
    objects.forget(1026);
    assert_eq!((objects.count(), blocks.in_use()), (0, 0));
    assert!(!objects.open(1025, object) && !objects.pin(&[object]));
}

#[test]
fn recycled_memory_is_zero() {
    let (blocks, objects) = setup();
    for bytes in [168, 3 << 20] {
        // Interpreted, a look at every word of the large one takes minutes.
        let step = if cfg!(miri) && bytes > 168 { 4096 } else { 8 };
        let object = objects.create(1025, Plan { bytes, ..PLAN }).unwrap();
        let at = Blocks::payload(object);
        (HEADER_BYTES..bytes).step_by(step).for_each(|i| {
            blocks.region().long(at + i).unwrap().store(u64::MAX, Ordering::Relaxed);
        });
        objects.release(1025, object);
        assert_eq!(objects.create(1025, Plan { bytes, ..PLAN }).unwrap(), object, "the same memory again");
        let zero = |i| blocks.region().long(at + i).unwrap().load(Ordering::Relaxed) == 0;
        assert!((HEADER_BYTES..bytes).step_by(step).all(zero));
    }
}

#[test]
fn a_message_keeps_alive_what_it_names_until_it_is_freed_or_its_owner_dies() {
    let (blocks, objects) = setup();
    let size = |large| if large { 2 << 20 } else { 100 };
    for large in [false, true] {
        let object = objects.create(1025, PLAN).unwrap();
        let read = blocks.alloc(1025, size(large)).unwrap();
        let lost = blocks.alloc(1026, size(large)).unwrap();
        assert!(objects.pack(read, vec![object, object]) && objects.pack(lost, vec![object]));
        assert!(!objects.pack(read, vec![object, 7]), "there is no object 7");
        objects.forget(1025);
        blocks.hand_over(read, 1025, 1027).unwrap();
        assert!(objects.open(1027, object));
        blocks.free(1027, read).unwrap();
        assert!(objects.release(1027, object));
        assert_eq!(objects.count(), 1);
        blocks.sweep(1026);
        assert_eq!((objects.count(), blocks.in_use()), (0, 0));
    }
}

#[test]
fn an_object_keeps_alive_what_it_needs() {
    let (blocks, objects) = setup();
    let inner = objects.create(1025, PLAN).unwrap();
    let middle = objects.create(1025, Plan { needs: &[inner, inner], ..PLAN }).unwrap();
    let outer = objects.create(1026, Plan { needs: &[middle], ..PLAN }).unwrap();
    objects.forget(1025);
    assert_eq!(objects.count(), 3);
    objects.release(1026, outer);
    assert_eq!((objects.count(), blocks.in_use()), (0, 0));
}

#[test]
fn an_object_is_only_here_if_all_that_lead_to_it_are() {
    let (_, objects) = setup();
    let inner = objects.create(1025, PLAN).unwrap();
    let [one, two] = [0, 1].map(|_| objects.create(1025, Plan { needs: &[inner], ..PLAN }).unwrap());
    objects.release(1025, inner);
    assert!(objects.only(1025, inner) && objects.only(1025, one) && !objects.only(1026, inner));
    assert!(objects.open(1026, two));
    assert!(!objects.only(1025, inner) && objects.only(1025, one) && !objects.only(1025, two));
    objects.release(1026, two);
    assert!(objects.pin(&[one]) && !objects.only(1025, inner));
    objects.unpin(&[one]);
    assert!(objects.only(1025, inner) && objects.pin(&[inner]) && !objects.only(1025, inner));
    objects.unpin(&[inner]);
    objects.forget(1025);
    assert!(!objects.only(1025, inner));
}

#[test]
fn what_an_end_lets_go_of_ends_after_it() {
    let blocks = Arc::new(Blocks::new(64 << 20).unwrap());
    let (ends, order) = (Arc::new(Mutex::new(HashMap::new())), Arc::new(Mutex::new(Vec::new())));
    let (inside, told) = (ends.clone(), order.clone());
    let own = blocks.clone();
    let objects = Objects::new(
        blocks.clone(),
        Box::new(move |object| {
            told.lock().unwrap().push(object);
            // It contains a message that names the next one.
            let carrier = inside.lock().unwrap().remove(&object);
            carrier.into_iter().for_each(|carrier| own.free(OBJECTS, carrier).unwrap());
            told.lock().unwrap().push(object);
            true
        }),
    );
    let all: Vec<_> = (0..500).map(|_| objects.create(1025, PLAN).unwrap()).collect();
    for pair in all.windows(2) {
        let carrier = blocks.alloc(OBJECTS, 100).unwrap();
        assert!(objects.pack(carrier, vec![pair[1]]));
        ends.lock().unwrap().insert(pair[0], carrier);
    }
    all.iter().rev().for_each(|object| assert!(objects.release(1025, *object)));
    assert_eq!((objects.count(), blocks.in_use()), (0, 0));
    assert_eq!(*order.lock().unwrap(), all.iter().flat_map(|object| [*object; 2]).collect::<Vec<_>>());
}

#[test]
fn cells_tell_what_the_dead_had() {
    let (blocks, objects) = setup();
    let all: Vec<_> = (0..200).map(|_| objects.create(1025, PLAN).unwrap()).collect();
    let set = |context, object, value| {
        let cell = objects.cell(context, object).unwrap();
        assert_eq!(objects.cell(context, object), Some(cell));
        blocks.region().word(cell).unwrap().store(value, Ordering::Relaxed);
    };
    all.iter().for_each(|object| assert!(objects.open(1026, *object)));
    all.iter().enumerate().for_each(|(i, object)| set(1026, *object, i as u32));
    set(1025, all[7], 70);
    assert!(objects.cell(1027, all[0]).is_none());
    // Who has something is remembered; who has nothing is not.
    let value = |object| blocks.region().word(objects.cell(1026, object).unwrap()).unwrap().load(Ordering::Relaxed);
    for object in [all[0], all[100]] {
        assert!(objects.release(1026, object) && !objects.release(1026, object));
    }
    assert_eq!(objects.left_by(1026).len(), 199);
    assert!(objects.open(1026, all[0]) && objects.open(1026, all[100]));
    assert_eq!((value(all[0]), value(all[100])), (0, 100));
    assert!(objects.release(1026, all[100]));
    let mut left = objects.left_by(1026);
    left.sort_by_key(|left| left.cell);
    assert_eq!(left.len(), 200);
    let second = Left { object: all[1], kind: kind::VALUE, cell: 1, cell_at: objects.cell(1026, all[1]).unwrap() };
    assert_eq!((left[0].object, left[1]), (all[0], second));
    objects.forget(1026);
    assert_eq!(objects.left_by(1026), []);
    let mut left = objects.left_by(1025);
    left.retain(|left| left.cell_at != 0);
    assert_eq!(left.iter().map(|left| (left.object, left.cell)).collect::<Vec<_>>(), [(all[7], 70)]);
    // What its holder has in it keeps no object alive.
    assert!(objects.release(1025, all[7]));
    assert_eq!(objects.count(), 199);
    objects.forget(1025);
    assert_eq!((objects.count(), blocks.in_use()), (0, 0));
}

#[test]
fn contexts_may_come_and_go_while_others_look() {
    let (blocks, objects) = setup();
    let rounds = if cfg!(miri) { 20 } else { 20_000 };
    std::thread::scope(|s| {
        for thread in 0..4 {
            let (blocks, objects) = (&blocks, &objects);
            s.spawn(move || {
                let (me, peer) = (2000 + thread, 3000 + thread);
                for _ in 0..rounds {
                    let object = objects.create(me, PLAN).unwrap();
                    let message = blocks.alloc(me, 50).unwrap();
                    assert!(objects.pack(message, vec![object]));
                    assert!(objects.release(me, object));
                    blocks.hand_over(message, me, peer).unwrap();
                    assert!(objects.open(peer, object));
                    blocks.free(peer, message).unwrap();
                    assert!(objects.release(peer, object));
                }
            });
        }
    });
    assert_eq!((objects.count(), blocks.in_use()), (0, 0));
}
