//! What is done on behalf of those who cannot: objects that nobody reaches any more end, and contexts that died are dealt
//! with.
//!
//! Rings have locks, and a lock has a holder: the keeper is a context of its own, which lives as long as the process. One
//! thread at a time acts as it.
//!
//! Who holds the lock of a ring may be in another process, and ask this one for something while it does. So the thread that
//! answers ([`serve_others`]) never waits for such a lock: what it would have to wait for, it leaves and does later. All
//! others wait, for somebody who is alive and soon done, or whose death that thread, or one of theirs, is dealing with.

use crate::blocks::Blocks;
use crate::context::{Context, Wake};
use crate::contexts::{AttachError, Contexts};
use crate::objects::{HEADER_BYTES, Left, Objects, kind};
use crate::primitives::condition::Condition;
use crate::primitives::{GateRef, Parties, barrier, semaphore};
use crate::ring::{Caller, Fault, Ring, flag};
use crate::sync::shared::Ordering;
use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

thread_local! {
    /// Others may hold what this thread would wait for, and wait for it.
    static SERVES: Cell<bool> = const { Cell::new(false) };
}

/// From here on this thread waits for no lock of a ring.
pub fn serve_others() {
    SERVES.set(true);
}

/// The keeper has no event loop.
struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

/// The contexts, as the keeper sees them who waits for none of them, or for those that live.
pub(crate) struct Others<'a> {
    contexts: &'a Contexts,
    waits: bool,
}

impl Parties for Others<'_> {
    fn alive(&self, id: u32) -> bool {
        self.waits && self.contexts.alive(id)
    }
    fn ring(&self, slot: usize) -> bool {
        self.contexts.ring(slot)
    }
}

/// A context that has died, and whose locks are free: what is still to be done for it.
pub struct Estate {
    dead: u32,
    /// Queues where it counts what it has not done: the object, and the byte where its cell is.
    owed: Vec<(u32, usize)>,
}

/// Ends objects, and deals with deaths.
pub struct Keeper {
    blocks: Arc<Blocks>,
    contexts: Arc<Contexts>,
    me: Mutex<Arc<Context>>,
}

impl Keeper {
    /// A keeper for these contexts.
    pub fn new(blocks: Arc<Blocks>, contexts: Arc<Contexts>) -> Result<Self, AttachError> {
        let me = Mutex::new(contexts.attach(Box::new(Nobody))?);
        Ok(Self { blocks, contexts, me })
    }

    /// The number of the context that it acts as.
    pub fn id(&self) -> u32 {
        self.me.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).id()
    }

    /// Nobody can reach the object any more: frees the blocks that it owns beside its own. False: call again, later.
    pub fn end(&self, object: u32) -> bool {
        let word = |at| self.blocks.region().word(Blocks::payload(object) + at);
        let word = |at| word(at).map_or(0, |word| word.load(Ordering::Relaxed));
        match word(0) {
            kind::QUEUE => {
                if let Some(ring) = Ring::at(&*self.blocks, object) {
                    ring.end();
                }
            }
            kind::CONDITION => {
                if let Some(condition) = Condition::at(&*self.blocks, object) {
                    condition.end();
                }
            }
            kind::CONNECTION => return self.hang_up(word(4), word(8)),
            _ => {}
        }
        true
    }

    /// One end of a pipe is gone: nobody takes what comes in through ring `input`, or puts into ring `output`; 0 = none.
    fn hang_up(&self, input: u32, output: u32) -> bool {
        let Some(me) = self.act() else { return false };
        [(input, flag::READER_GONE), (output, flag::WRITER_GONE)].into_iter().all(|(object, flags)| {
            self.at_ring(object, 0, me.id(), |ring, me| done(me, || ring.shut(me, flags))).unwrap_or(true)
        })
    }

    /// The context that it acts as. None: another thread does, which may wait for this one.
    fn act(&self) -> Option<MutexGuard<'_, Arc<Context>>> {
        match self.me.try_lock() {
            Ok(me) => Some(me),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if SERVES.get() => None,
            Err(TryLockError::WouldBlock) => Some(self.me.lock().unwrap_or_else(|poisoned| poisoned.into_inner())),
        }
    }

    /// Deals with a context that has died: what it had of objects goes back or is counted as lost, what it held is let go,
    /// its blocks are free, and everybody who may have waited for it looks. `busy`: it did not end by itself, between
    /// tasks; only then it may have held permits that it would have given back.
    pub fn bury(&self, objects: &Objects, dead: u32, busy: bool) {
        let mut estate = self.take_over(objects, dead, busy);
        let settled = self.settle(objects, &mut estate);
        debug_assert!(settled, "who serves others buries step by step");
    }

    /// The first step of [`Self::bury`], which waits for nobody: after it, nobody waits for a lock of the dead one. Of
    /// several that died together, all are taken over before the first is settled.
    pub fn take_over(&self, objects: &Objects, dead: u32, busy: bool) -> Estate {
        self.contexts.died(dead);
        let mut owed = Vec::new();
        for left in objects.left_by(dead) {
            if left.kind == kind::QUEUE && left.cell_at != 0 {
                owed.push((left.object, left.cell_at));
            }
            self.give_back(left, dead, busy);
        }
        Estate { dead, owed }
    }

    /// The second step. False: somebody holds a lock that is needed; call again.
    pub fn settle(&self, objects: &Objects, estate: &mut Estate) -> bool {
        let dead = estate.dead;
        let lose = |object, cell_at| self.at_ring(object, cell_at, dead, |ring, dead| done(dead, || ring.lose(dead)));
        while let Some((object, cell_at)) = estate.owed.last() {
            if lose(*object, *cell_at) == Some(false) {
                return false;
            }
            estate.owed.pop();
        }
        objects.forget(dead);
        self.blocks.sweep(dead);
        self.contexts.ring_all();
        self.contexts.forget(dead);
        true
    }

    /// What the dead one had of an object goes back, and it does not wait for it any more: a context that will sit on its
    /// slot must not be rung in the place of others.
    fn give_back(&self, left: Left, dead: u32, busy: bool) {
        let region = self.blocks.region();
        let gate = GateRef::at(region, Blocks::payload(left.object) + HEADER_BYTES);
        match left.kind {
            // What it left half done in a ring is brought to its end.
            kind::QUEUE => {
                self.at_ring(left.object, left.cell_at, dead, |ring, dead| ring.sweep(dead));
            }
            kind::CONNECTION => {
                let word = |at| region.word(Blocks::payload(left.object) + at);
                for ring in [4, 8].into_iter().filter_map(word).map(|word| word.load(Ordering::Relaxed)) {
                    self.at_ring(ring, 0, dead, |ring, dead| ring.sweep(dead));
                }
            }
            _ => {
                if let Some(gate) = &gate {
                    gate.leave(dead);
                }
            }
        }
        if left.cell == 0 {
            return;
        }
        match left.kind {
            kind::SEMAPHORE | kind::BOUNDED_SEMAPHORE => {
                // What it gave without having taken it is not taken back.
                if let Some(gate) = gate
                    && let Ok(count) = u32::try_from(left.cell as i32)
                {
                    semaphore::give_back(&gate, &*self.contexts, dead, if busy { count } else { 0 });
                }
            }
            kind::BARRIER => {
                if let Some(gate) = gate {
                    barrier::died(&gate, &*self.contexts, dead, left.cell);
                }
            }
            _ => {}
        }
    }

    /// Runs `run` with the ring of this block, if there is one, and a context as its caller; its cell is at byte `cell_at`,
    /// 0 = it counts nothing.
    fn at_ring<R>(
        &self,
        object: u32,
        cell_at: usize,
        id: u32,
        run: impl FnOnce(&Ring<'_, Blocks>, &Caller<'_, Blocks, Others<'_>>) -> R,
    ) -> Option<R> {
        let ring = Ring::at(&*self.blocks, object).filter(|_| object != 0)?;
        let intent = self.contexts.intent(id)?;
        let cell = if cell_at == 0 { None } else { self.blocks.region().word(cell_at) };
        let parties = &Others { contexts: &self.contexts, waits: !SERVES.get() };
        Some(run(&ring, &Caller { id, intent, cell, parties }))
    }
}

/// Does something to a ring. Its lock may be that of somebody who lives, or whom another thread deals with at this moment:
/// then it waits, or answers false.
fn done(me: &Caller<'_, Blocks, Others<'_>>, step: impl Fn() -> Result<(), Fault>) -> bool {
    while let Err(Fault::OwnerDied { .. }) = step() {
        if !me.parties.waits {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[cfg(all(test, not(loom)))]
mod tests {
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

        fn at<R>(
            &self,
            ring: u32,
            id: u32,
            f: impl FnOnce(&Ring<'_, Blocks>, &Caller<'_, Blocks, Others<'_>>) -> R,
        ) -> R {
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
}
