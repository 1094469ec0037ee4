use super::*;
use crate::objects::Plan;
use crate::objects::SharedObjects;
use crate::ring::{Put, STATE_BYTES};

struct World {
    blocks: Arc<Blocks>,
    contexts: Arc<Contexts>,
    keeper: Arc<Keeper>,
    objects: Arc<Objects>,
}

impl World {
    fn new() -> Self {
        let blocks = Arc::new(Blocks::new(64 << 20).unwrap());
        let contexts = Arc::new(Contexts::new(blocks.clone()).unwrap());
        let keeper = Arc::new(Keeper::new(blocks.clone(), contexts.clone()).unwrap());
        let ends = keeper.clone();
        let objects = Objects::new(blocks.clone(), Box::new(move |object| ends.end(object)));
        Self { blocks, contexts, keeper, objects }
    }

    fn context(&self) -> u32 {
        self.contexts.attach(Box::new(Nobody)).unwrap().id()
    }

    fn create(&self, context: u32, kind: u32, constants: [u32; 3], needs: &[u32]) -> u32 {
        self.objects.create(context, Plan { kind, constants, bytes: STATE_BYTES, needs }).unwrap()
    }

    /// Both ends of a pipe with one ring for each direction, held by `context`.
    fn pipe(&self, context: u32) -> [u32; 2] {
        let [a, b] = [0, 1].map(|_| self.create(context, kind::QUEUE, [0, 0, 3], &[]));
        let ends = [[a, b, 0], [b, a, 0]].map(|all| self.create(context, kind::CONNECTION, all, &[a, b]));
        assert!(self.objects.release(context, a) && self.objects.release(context, b));
        ends
    }

    fn at<R>(&self, ring: u32, id: u32, f: impl FnOnce(&Ring<'_, Blocks>, &Caller<'_, Blocks, Others<'_>>) -> R) -> R {
        self.keeper.at_ring(ring, 0, id, f).unwrap()
    }
}

#[test]
fn the_dead_wait_for_nothing_any_more() {
    let world = World::new();
    let (me, dead) = (world.context(), world.context());
    let queue = world.create(me, kind::QUEUE, [0; 3], &[]);
    let [end, _] = world.pipe(me);
    let input = world.blocks.region().word(Blocks::payload(end) + 4).unwrap().load(Ordering::Relaxed);
    for object in [queue, end] {
        assert!(world.objects.open(dead, object));
    }
    for ring in [queue, input] {
        assert!(!world.at(ring, dead, |ring, caller| ring.ready(caller, true)));
    }
    world.keeper.bury(&world.objects, dead, true);
    for ring in [queue, input] {
        let gate = GateRef::at(world.blocks.region(), Blocks::payload(ring) + HEADER_BYTES).unwrap();
        assert!(!gate.anybody());
    }
}

/// Where a ring's producers, its consumers, and who settles, have their locks; see `docs/layout.md`.
const PRODUCERS: usize = 432;
const CONSUMERS: usize = 496;
const SETTLING: usize = 560;

#[test]
fn the_first_message_of_one_that_died_before_it_was_counted_is_lost() {
    let world = World::new();
    let (me, dead) = (world.context(), world.context());
    let queue = world.create(me, kind::QUEUE, [0; 3], &[]);
    assert!(world.objects.open(dead, queue));
    let cell = world.objects.cell(dead, queue).unwrap();
    let region = world.blocks.region();
    let at = world.blocks.alloc(me, 64).map(Blocks::payload).unwrap();
    let message = crate::ring::Message::Bytes { at, bytes: 8 };
    world.at(queue, me, |ring, me| ring.put(me, message, false).unwrap());
    world.keeper.at_ring(queue, cell, dead, |ring, dead| ring.get(dead, at, false).unwrap()).unwrap();
    // As if it had been killed behind the commit: TAKE of one message from position 0 on, 64 bytes, and one in its cell.
    let lock = region.long(Blocks::payload(queue) + CONSUMERS).unwrap();
    lock.store(dead.into(), Ordering::SeqCst);
    region.word(cell).unwrap().store(0, Ordering::SeqCst);
    let words = region.longs(world.contexts.intent_at(dead), crate::ring::INTENT_WORDS).unwrap();
    for (word, value) in words.iter().zip([u64::from(queue) << 32 | 1 << 8 | 4, 0, 64, 1]) {
        word.store(value, Ordering::SeqCst);
    }
    world.keeper.bury(&world.objects, dead, true);
    assert_eq!(lock.load(Ordering::SeqCst), 0);
    world.at(queue, me, |ring, _| assert_eq!((ring.lost(), ring.unfinished()), (1, 0)));
}

#[test]
fn who_serves_others_waits_for_no_lock() {
    let world = World::new();
    let (me, [a, b]) = (world.context(), [0, 1].map(|_| world.context()));
    let before = world.blocks.in_use();
    let queue = world.create(me, kind::QUEUE, [0; 3], &[]);
    let cells = [a, b].map(|id| {
        assert!(world.objects.open(id, queue));
        world.objects.cell(id, queue).unwrap()
    });
    let lock = |ring, at| world.blocks.region().long(Blocks::payload(ring) + at).unwrap();
    std::thread::scope(|s| {
        s.spawn(|| {
            serve_others();
            // One of two that die together holds the lock that the other's message is accounted for with.
            let message = crate::ring::Message::Bytes { at: Blocks::payload(queue), bytes: 8 };
            world.at(queue, me, |ring, me| ring.put(me, message, false).unwrap());
            let target = world.blocks.alloc(me, 64).unwrap();
            let take = |ring: &Ring<'_, Blocks>, a: &Caller<'_, Blocks, Others<'_>>| {
                ring.get(a, Blocks::payload(target), false).unwrap()
            };
            world.keeper.at_ring(queue, cells[0], a, take).unwrap();
            lock(queue, SETTLING).store(b.into(), Ordering::SeqCst);
            let mut first = world.keeper.take_over(&world.objects, a, true);
            assert!(!world.keeper.settle(&world.objects, &mut first), "it may still live");
            let mut second = world.keeper.take_over(&world.objects, b, true);
            assert!([&mut first, &mut second].into_iter().all(|one| world.keeper.settle(&world.objects, one)));
            world.at(queue, me, |ring, _| assert_eq!((ring.lost(), ring.unfinished()), (1, 0)));
            // An end of a pipe goes while somebody is putting.
            let [one, two] = world.pipe(me);
            let output = world.blocks.region().word(Blocks::payload(two) + 8).unwrap().load(Ordering::Relaxed);
            lock(output, PRODUCERS).store(me.into(), Ordering::SeqCst);
            assert!(world.objects.release(me, one) && !world.objects.go_on());
            assert_eq!(world.at(output, me, |ring, _| ring.flags()), 0);
            lock(output, PRODUCERS).store(0, Ordering::SeqCst);
            assert!(world.objects.go_on());
            assert_eq!(world.at(output, me, |ring, _| ring.flags()), flag::READER_GONE);
            assert!(world.objects.release(me, two) && world.objects.release(me, queue));
            world.blocks.free(me, target).unwrap();
        });
    });
    assert_eq!((world.objects.count(), world.blocks.in_use()), (0, before));
}

#[test]
fn a_message_that_names_ends_of_pipes_goes_with_the_pipe() {
    let world = World::new();
    let me = world.context();
    let before = (world.objects.count(), world.blocks.in_use());
    let [mut outer, mut last] = world.pipe(me);
    for _ in 0..50 {
        // The last reference to an end lies in the pipe around it.
        let [a, b] = world.pipe(me);
        let output = world.blocks.region().word(Blocks::payload(a) + 8).unwrap().load(Ordering::Relaxed);
        for end in [outer, last] {
            let block = world.blocks.alloc(me, 100).unwrap();
            assert!(world.objects.pack(block, vec![end]));
            let put = |ring: &Ring<'_, Blocks>, caller: &Caller<'_, Blocks, Others<'_>>| {
                ring.put(caller, crate::ring::Message::Block { block, bytes: 8 }, false).unwrap()
            };
            assert_eq!(world.at(output, me, put), Put::Done);
            assert!(world.objects.release(me, end));
        }
        (outer, last) = (a, b);
    }
    assert!(world.objects.release(me, last) && world.objects.release(me, outer));
    assert_eq!((world.objects.count(), world.blocks.in_use()), before);
}

#[test]
fn both_ends_may_go_at_the_same_time() {
    let world = World::new();
    let threads = [0, 1].map(|_| world.context());
    let before = world.blocks.in_use();
    let rounds = if cfg!(miri) { 20 } else { 5000 };
    for _ in 0..rounds {
        let ends = world.pipe(threads[0]);
        assert!(world.objects.open(threads[1], ends[1]) && world.objects.release(threads[0], ends[1]));
        std::thread::scope(|s| {
            for (context, end) in threads.into_iter().zip(ends) {
                let world = &world;
                s.spawn(move || assert!(world.objects.release(context, end)));
            }
        });
        assert_eq!((world.objects.count(), world.blocks.in_use()), (0, before));
    }
}
