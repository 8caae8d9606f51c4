//! The queue against its bounds, one policy after the other.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::message::Subject;

fn message_on(subject: &str, length: usize) -> Message {
    Message {
        subject: Subject::from(subject),
        reply: None,
        payload: Bytes::from(vec![0; length]),
        headers: None,
        status: None,
        description: None,
        length,
    }
}

fn message(length: usize) -> Message {
    message_on("a", length)
}

fn queue(messages: usize, bytes: usize) -> Queue {
    queue_that(WhenFull::DropNewest, messages, bytes)
}

fn queue_that(when_full: WhenFull, messages: usize, bytes: usize) -> Queue {
    Queue::new(QueueLimits {
        messages,
        bytes,
        when_full,
    })
}

/// How many of a run were dropped, and how many since the beginning.
fn pushed(queue: &Queue, lengths: &[usize]) -> (u64, u64) {
    let mut run = lengths.iter().map(|&length| message(length)).collect();
    let pushed = queue.push(&mut run);
    assert!(run.is_empty() && !pushed.is_full);
    (pushed.dropped, pushed.dropped_total)
}

/// Subjects and sizes of all that waits.
fn read(queue: &Queue) -> Vec<(String, usize)> {
    std::iter::from_fn(|| queue.try_next())
        .map(|message| (message.subject.as_str().to_owned(), message.length))
        .collect()
}

#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let queue = queue(2, 100);
    assert_eq!(pushed(&queue, &[1, 1, 5]), (1, 1));
    assert_eq!(pushed(&queue, &[7]), (1, 2));
    assert!(queue.try_next().is_some());
    assert_eq!(pushed(&queue, &[1]), (0, 2));
    assert_eq!(queue.queued(), (2, 2));
    let losses = queue.losses();
    assert_eq!((losses.dropped, losses.dropped_bytes), (2, 12));
}

#[test]
fn bytes_are_bounded_but_one_message_always_fits() {
    let queue = queue(10, 100);
    assert_eq!(pushed(&queue, &[500, 1]), (1, 1));
    assert!(queue.try_next().is_some());
    assert_eq!(pushed(&queue, &[60, 60, 40]), (1, 2));
    assert_eq!(queue.queued(), (2, 100));
}

#[test]
fn the_oldest_make_room_where_they_are_to() {
    let queue = queue_that(WhenFull::DropOldest, 3, 100);
    assert_eq!(pushed(&queue, &[1, 2, 3, 4, 5]), (2, 2));
    assert_eq!(pushed(&queue, &[99]), (3, 5));
    assert_eq!(pushed(&queue, &[500]), (1, 6));
    assert_eq!(read(&queue), [("a".to_owned(), 500)]);
    assert_eq!(queue.losses().dropped_bytes, 1 + 2 + 3 + 4 + 5 + 99);
}

#[test]
fn the_latest_of_a_subject_takes_the_place_of_the_one_before() {
    let queue = queue_that(WhenFull::LatestPerSubject, 2, 100);
    let push = |subject, length| queue.push(&mut VecDeque::from([message_on(subject, length)]));
    assert_eq!((push("a", 1).dropped, push("b", 2).replaced), (0, 0));
    assert_eq!((push("a", 3).replaced, push("a", 4).replaced), (1, 1));
    let item = |subject: &str, length| (subject.to_owned(), length);
    assert_eq!(read(&queue), [item("a", 4), item("b", 2)]);
    push("b", 5);
    push("a", 6);
    assert_eq!(push("c", 7).dropped, 1); // b, the oldest.
    assert_eq!(push("a", 8).replaced, 1);
    assert_eq!(read(&queue), [item("a", 8), item("c", 7)]);
    let losses = queue.losses();
    assert_eq!((losses.dropped, losses.replaced), (1, 3));
    assert!(queue.lock().places.as_ref().unwrap().by_subject.is_empty());
}

#[test]
fn backpressure_drops_nothing_and_holds_off_until_half_is_read() {
    let queue = queue_that(WhenFull::Backpressure, 4, 100);
    assert!(!queue.push(&mut VecDeque::from(vec![message(1); 3])).is_full);
    assert!(queue.push(&mut VecDeque::from(vec![message(1); 3])).is_full);
    for _ in 0..4 {
        assert!(queue.holds_off(Waker::noop()));
        assert!(queue.try_next().is_some());
    }
    assert!(!queue.holds_off(Waker::noop()));
    assert!(queue.push(&mut VecDeque::from([message(500)])).is_full);
    assert!(queue.holds_off(Waker::noop()));
    queue.end(End::Done);
    assert!(!queue.holds_off(Waker::noop()));
    assert_eq!(queue.losses(), Losses::default());
}

#[test]
fn an_ended_queue_gives_what_it_has_and_counts_nothing_more() {
    let queue = queue(1, 100);
    pushed(&queue, &[1]);
    queue.end(End::Done);
    queue.end(End::Refused(SubscribeErrorKind::Closed));
    assert_eq!(pushed(&queue, &[1]), (0, 0));
    assert_eq!(queue.ended(), Some(End::Done));
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(matches!(queue.poll_next(cx), Poll::Ready(Some(_))));
    assert!(matches!(queue.poll_next(cx), Poll::Ready(None)));
}

#[test]
fn what_the_reader_has_in_hand_still_counts() {
    let queue = Arc::new(queue(4, 100));
    let mut reader = Reader::new(Arc::clone(&queue));
    assert_eq!(pushed(&queue, &[10, 20, 30, 40, 1]), (1, 1));
    let lengths = |reader: &mut Reader| reader.try_next().map(|message| message.length);
    assert_eq!(lengths(&mut reader), Some(10));
    assert_eq!(queue.queued(), (3, 90));
    assert_eq!(pushed(&queue, &[11, 10, 0]), (2, 3));
    assert_eq!(queue.queued(), (4, 100));
    for expected in [Some(20), Some(30), Some(40), Some(10), None] {
        assert_eq!(lengths(&mut reader), expected);
    }
    assert_eq!(queue.queued(), (0, 0));
    assert_eq!(pushed(&queue, &[500]), (0, 3));
}

#[test]
fn a_reader_takes_a_flood_in_order_and_gives_its_memory_back() {
    let queue = Arc::new(queue(3000, 10_000_000));
    let mut reader = Reader::new(Arc::clone(&queue));
    let all: Vec<usize> = (0..3000).collect();
    all.chunks(100)
        .for_each(|run| assert_eq!(pushed(&queue, run), (0, 0)));
    let read: Vec<usize> = std::iter::from_fn(|| reader.try_next())
        .map(|message| message.length)
        .collect();
    assert_eq!((read, queue.queued()), (all, (0, 0)));
    assert!(reader.hand.capacity() <= KEPT_CAPACITY);
}
