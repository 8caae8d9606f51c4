//! One publisher: as many messages as one write carries, all alike but for their stamps.

use anyhow::Result;

use super::accounts::Accounts;
use super::stamp::{self, STAMP, Stamp};
use crate::dialect::Dialect;
use crate::wire::Wire;

/// About what one write carries, in bytes.
const WRITE: usize = 64 * 1024;

pub(crate) struct Publisher {
    /// The number of its connection.
    pub(crate) on: usize,
    number: usize,
    pub(crate) sent: u64,
    /// How many messages one write carries at most; at least 1.
    pub(crate) batch_max: u64,
    payload: Vec<u8>,
    batch: Vec<u8>,
    /// The length of one operation in `batch`, which is kept; none where each is to another subject.
    stride: Option<usize>,
}

impl Publisher {
    pub(crate) fn new(on: usize, number: usize, dialect: Dialect, accounts: &Accounts<'_>) -> Self {
        let payload = stamp::payload(accounts.plan.payload);
        let subjects = accounts.subjects;
        let subject = |number_of| subjects.get(subjects.of(number, number_of));
        let mut batch = Vec::new();
        dialect.publish(&mut batch, subject(0), None, &payload);
        let length = batch.len();
        let is_repeated = subjects.of(number, 0) == subjects.of(number, 1);
        Self {
            on,
            number,
            sent: 0,
            batch_max: (WRITE / length).max(1) as u64,
            payload,
            batch,
            stride: is_repeated.then_some(length),
        }
    }

    /// Sends that many messages, at most [`Publisher::batch_max`].
    pub(crate) fn send(
        &mut self,
        count: u64,
        wire: &mut Wire,
        accounts: &mut Accounts<'_>,
    ) -> Result<()> {
        let nanos = accounts.nanos();
        let length = match self.stride {
            Some(stride) => self.stamp_all(count as usize, stride, nanos, wire.dialect, accounts),
            None => self.write_all(count, nanos, wire.dialect, accounts),
        };
        self.sent += count;
        wire.send(&self.batch[..length])
    }

    fn stamp_all(
        &mut self,
        count: usize,
        stride: usize,
        nanos: u64,
        dialect: Dialect,
        accounts: &mut Accounts<'_>,
    ) -> usize {
        if self.batch.len() < count * stride {
            self.batch = self.batch[..stride].repeat(count);
        }
        let at = stride - self.payload.len() - dialect.trailer().len();
        for (op, number) in self
            .batch
            .chunks_exact_mut(stride)
            .take(count)
            .zip(self.sent..)
        {
            let stamp = Stamp {
                publisher: self.number,
                number,
                nanos,
            };
            stamp.write(&mut op[at..at + STAMP]);
        }
        accounts.owed += count as u64 * accounts.plan.fan();
        count * stride
    }

    fn write_all(
        &mut self,
        count: u64,
        nanos: u64,
        dialect: Dialect,
        accounts: &mut Accounts<'_>,
    ) -> usize {
        self.batch.clear();
        for number in self.sent..self.sent + count {
            let subject = accounts.subjects.of(self.number, number);
            let stamp = Stamp {
                publisher: self.number,
                number,
                nanos,
            };
            stamp.write(&mut self.payload);
            let text = accounts.subjects.get(subject);
            dialect.publish(&mut self.batch, text, None, &self.payload);
            accounts.owe(subject, number);
        }
        self.batch.len()
    }
}
