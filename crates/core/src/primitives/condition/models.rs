use super::paper::Paper;
use crate::primitives::lock::both::{acquire, give};
use crate::primitives::testing::{Room, first};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use loom::sync::Arc;
use loom::thread::{JoinHandle, spawn};

const A: u32 = first(0);
const B: u32 = first(1);
const C: u32 = first(2);

struct Model {
    room: Room,
    paper: Paper<AtomicU64>,
    ready: AtomicU32,
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self { room: Room::new(3, 0, 0), paper: Paper::default(), ready: AtomicU32::new(0) })
    }
    fn enter(&self, me: u32) -> u64 {
        self.paper.condition().enter(&self.room, me).unwrap()
    }
    fn sleep(&self, me: u32, ticket: u64) {
        self.room.wait(me, || self.paper.condition().notified(ticket).then_some(()));
    }
    /// One more may pass.
    fn post(&self, me: u32) {
        acquire(&self.room, me, false);
        self.ready.fetch_add(1, Ordering::Relaxed);
        self.paper.condition().notify(&self.room, me, 1);
        give(&self.room, me);
    }
    /// Waits until it may pass.
    fn pass(&self, me: u32) {
        acquire(&self.room, me, false);
        while self.ready.load(Ordering::Relaxed) == 0 {
            let ticket = self.enter(me);
            give(&self.room, me);
            self.sleep(me, ticket);
            acquire(&self.room, me, false);
        }
        self.ready.fetch_sub(1, Ordering::Relaxed);
        give(&self.room, me);
    }
}

fn thread(model: &Arc<Model>, run: impl FnOnce(&Model) + 'static) -> JoinHandle<()> {
    let model = model.clone();
    spawn(move || run(&model))
}

#[test]
fn who_waits_is_notified() {
    loom::model(|| {
        let model = Model::new();
        let waits = thread(&model, |model| model.pass(A));
        model.post(C);
        waits.join().unwrap();
    });
}

#[test]
fn two_notifications_reach_two() {
    loom::model(|| {
        let model = Model::new();
        let waits = [A, B].map(|me| thread(&model, move |model| model.pass(me)));
        model.post(C);
        model.post(C);
        waits.into_iter().for_each(|waits| waits.join().unwrap());
    });
}

#[test]
fn who_gives_up_takes_no_notification_with_it() {
    loom::model(|| {
        let model = Model::new();
        let (first, second) = (model.enter(A), model.enter(B));
        let impatient = thread(&model, move |model| {
            acquire(&model.room, A, false);
            let notified = model.paper.condition().forget(first);
            give(&model.room, A);
            if notified {
                model.post(A);
            }
        });
        let patient = thread(&model, move |model| model.sleep(B, second));
        model.post(C);
        impatient.join().unwrap();
        patient.join().unwrap();
    });
}
