//! Heavy threads whose work the tests hold up.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use tokio::task::JoinSet;

use super::heavy_pool::{NICENESS, PLACES};
use super::*;

fn flow(host: u8) -> Flow {
    Flow::of_address(IpAddr::from([10, 0, 0, host]))
}

fn threads() -> Arc<HeavyThreads> {
    Arc::new(HeavyThreads::new(2, FairnessMetrics::default()))
}

/// Occupies a thread until the sender is dropped; returns when it does.
async fn occupy(
    threads: &Arc<HeavyThreads>,
    flow: Flow,
    tasks: &mut JoinSet<()>,
) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (started, mut starts) = tokio::sync::mpsc::unbounded_channel();
    let threads = Arc::clone(threads);
    tasks.spawn(async move {
        let block = move || {
            started.send(()).unwrap();
            released.recv().unwrap_err();
        };
        threads.run(flow, Cost::SMALL, block).await.unwrap();
    });
    starts.recv().await.unwrap();
    release
}

/// Lets a flow's jobs wait for their turn; each counts when it is done.
async fn queue(
    threads: &Arc<HeavyThreads>,
    flow: Flow,
    jobs: usize,
    tasks: &mut JoinSet<()>,
) -> Arc<AtomicUsize> {
    let done = Arc::new(AtomicUsize::new(0));
    let (_, before) = threads.pool.running_and_waiting();
    for _ in 0..jobs {
        let (threads, done) = (Arc::clone(threads), Arc::clone(&done));
        tasks.spawn(async move {
            let count = move || done.fetch_add(1, Ordering::SeqCst);
            threads.run(flow, Cost::new(64, 0), count).await.unwrap();
        });
    }
    while threads.pool.running_and_waiting().1 < before + jobs {
        tokio::task::yield_now().await;
    }
    done
}

#[tokio::test]
async fn a_flow_with_many_jobs_delays_no_other_flow() {
    let threads = threads();
    let mut tasks = JoinSet::new();
    let release = occupy(&threads, flow(1), &mut tasks).await;
    let done = queue(&threads, flow(1), 60, &mut tasks).await;
    for answer in 0..10 {
        let own = threads.run(flow(2), Cost::new(1_000_000, 0), move || answer);
        assert_eq!(own.await, Ok(answer));
    }
    // A flow occupies all threads but one.
    assert_eq!(done.load(Ordering::SeqCst), 0);
    drop(release);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(done.load(Ordering::SeqCst), 60);
}

#[tokio::test]
async fn flows_take_turns_when_all_threads_are_busy() {
    let threads = threads();
    let mut tasks = JoinSet::new();
    let first = occupy(&threads, flow(1), &mut tasks).await;
    let second = occupy(&threads, flow(2), &mut tasks).await;
    let many = [
        queue(&threads, flow(1), 60, &mut tasks).await,
        queue(&threads, flow(2), 60, &mut tasks).await,
    ];
    let own = {
        let many = many.clone();
        let count = move || many.map(|done| done.load(Ordering::SeqCst));
        let threads = Arc::clone(&threads);
        tokio::spawn(async move { threads.run(flow(3), Cost::SMALL, count).await })
    };
    while threads.pool.running_and_waiting().1 < 121 {
        tokio::task::yield_now().await;
    }
    drop(second);
    let before = own.await.unwrap().unwrap();
    assert!(before.iter().sum::<usize>() <= 1, "{before:?}");
    drop(first);
}

#[tokio::test]
async fn work_is_not_done_for_a_caller_who_has_gone() {
    let threads = threads();
    let mut tasks = JoinSet::new();
    let release = occupy(&threads, flow(1), &mut tasks).await;
    let mut gone = JoinSet::new();
    let done = queue(&threads, flow(1), 5, &mut gone).await;
    gone.shutdown().await;
    assert_eq!(threads.pool.running_and_waiting(), (1, 0));
    drop(release);
    threads.run(flow(1), Cost::SMALL, || ()).await.unwrap();
    assert_eq!(done.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_panic_is_the_callers_and_the_thread_goes_on() {
    let threads = threads();
    for _ in 0..4 {
        let threads = Arc::clone(&threads);
        let broken = async move {
            let broken = || panic!("a bug in a test");
            threads.run(flow(1), Cost::SMALL, broken).await
        };
        let ended: Result<Result<(), _>, _> = tokio::spawn(broken).await;
        assert!(ended.unwrap_err().is_panic());
    }
    assert_eq!(threads.run(flow(1), Cost::SMALL, || 1).await, Ok(1));
    while threads.pool.running_and_waiting() != (0, 0) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_flow_has_so_many_places_and_the_gateway_itself_needs_none() {
    let threads = threads();
    let mut tasks = JoinSet::new();
    let _first = occupy(&threads, flow(1), &mut tasks).await;
    let _second = occupy(&threads, flow(2), &mut tasks).await;
    let _done = queue(&threads, flow(1), PLACES / 4, &mut tasks).await;
    let refused = threads.run(flow(1), Cost::SMALL, || 1).await.unwrap_err();
    assert_eq!(refused, Overloaded::QueueOfClient { limit: 64 });
    assert_eq!(threads.pool.metrics.refusals(refused), 1);
    assert_eq!(threads.run(Flow::Exempt, Cost::SMALL, || 1).await, Ok(1));
}

#[tokio::test]
async fn exempt_work_is_next_and_is_not_done_for_a_caller_who_has_gone() {
    let threads = threads();
    let mut tasks = JoinSet::new();
    let first = occupy(&threads, flow(1), &mut tasks).await;
    let _second = occupy(&threads, flow(2), &mut tasks).await;
    // Its own thread is left for it; after that it waits for one of the others.
    let _own = occupy(&threads, Flow::Exempt, &mut tasks).await;
    let others = queue(&threads, flow(2), 10, &mut tasks).await;
    let mut gone = JoinSet::new();
    let not_done = queue(&threads, Flow::Exempt, 1, &mut gone).await;
    gone.shutdown().await;
    let seen = {
        let (threads, others) = (Arc::clone(&threads), Arc::clone(&others));
        let count = move || others.load(Ordering::SeqCst);
        tokio::spawn(async move { threads.run(Flow::Exempt, Cost::SMALL, count).await })
    };
    while threads.pool.running_and_waiting().1 < 12 {
        tokio::task::yield_now().await;
    }
    drop(first);
    assert_eq!(seen.await.unwrap(), Ok(0), "before all others that wait");
    assert_eq!(not_done.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn work_waits_no_longer_than_clients_do() {
    let threads = threads();
    let mut tasks = JoinSet::new();
    let _first = occupy(&threads, flow(1), &mut tasks).await;
    tokio::time::pause();
    let waited = threads.run(flow(1), Cost::SMALL, || 1).await;
    assert_eq!(waited, Err(Overloaded::Wait { seconds: 5 }));
    assert_eq!(threads.pool.running_and_waiting(), (1, 0));
}

#[tokio::test]
async fn threads_are_niced_and_end_with_the_gateway() {
    let threads = threads();
    let niceness = || {
        let thread = rustix::thread::gettid();
        rustix::process::getpriority_process(Some(thread)).unwrap()
    };
    for flow in [flow(1), Flow::Exempt] {
        let heavy = threads.run(flow, Cost::SMALL, niceness).await.unwrap();
        assert!(heavy >= NICENESS, "{heavy}");
    }
    let pool = Arc::downgrade(&threads.pool);
    drop(threads);
    while pool.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
}
