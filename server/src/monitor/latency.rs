//! The samples of latency as a histogram for Prometheus.

use std::fmt::Error;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::peer::Samples;

/// What was seen until now.
#[derive(Debug)]
pub(super) struct Histogram(pub(super) Samples);

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), Error> {
        let bound = |bound: Option<std::time::Duration>| {
            bound.map_or(f64::INFINITY, |bound| bound.as_secs_f64())
        };
        let buckets: Vec<(f64, u64)> = self
            .0
            .buckets
            .iter()
            .map(|(up_to, count)| (bound(*up_to), *count))
            .collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.0.sum.as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
