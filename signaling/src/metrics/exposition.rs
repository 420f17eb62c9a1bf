//! In which of the two formats a scraper gets the metrics.
//!
//! OpenMetrics text is the default. The protobuf format is the only one that has native histograms; Prometheus asks for it when its
//! feature `native-histograms` is on, and says by weights (RFC 9110 section 12.5.1) what it likes better.

use super::Metrics;
use prometheus_client::encoding::prometheus_protobuf;

const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0 text, with classic histograms.
    Text,
    /// `io.prometheus.client.MetricFamily` messages, each behind its length, with classic and native histograms.
    Protobuf,
}

impl Format {
    /// The one that `accept`, the header of the request, likes better; of equals, the one it names first.
    pub(crate) fn wanted(accept: &str) -> Self {
        let mut best = (0.0, Self::Text);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let Some(format) = Self::of(parts.next().unwrap_or_default(), parts.clone()) else { continue };
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>).unwrap_or(0.0);
            if weight > best.0 {
                best = (weight, format);
            }
        }
        best.1
    }

    fn of<'a>(media: &str, parameters: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let has = |wanted: &str| parameters.clone().any(|parameter| parameter == wanted);
        match media {
            "application/vnd.google.protobuf" => {
                (has("proto=io.prometheus.client.MetricFamily") && has("encoding=delimited")).then_some(Self::Protobuf)
            }
            "application/openmetrics-text" | "text/plain" | "text/*" | "*/*" => Some(Self::Text),
            _ => None,
        }
    }

    /// Its `Content-Type`.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => TEXT,
            Self::Protobuf => PROTOBUF,
        }
    }
}

/// A value cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the metrics cannot be written: report this with the version")]
pub(crate) struct Unwritable;

impl Metrics {
    /// Everything, in `format`.
    pub(crate) fn encode(&self, format: Format) -> Result<Vec<u8>, Unwritable> {
        match format {
            Format::Text => self.text().map(String::into_bytes).map_err(|_| Unwritable),
            Format::Protobuf => prometheus_protobuf::encode_to_vec(&self.registry).map_err(|_| Unwritable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIMITED: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    #[test]
    fn text_is_the_default() {
        for accept in
            ["", "*/*", "text/html", "text/plain;version=0.0.4", "application/vnd.google.protobuf", "application/json;q=1"]
        {
            assert_eq!(Format::wanted(accept), Format::Text, "{accept}");
        }
        let compact = DELIMITED.replace("delimited", "compact-text");
        assert_eq!(Format::wanted(&compact), Format::Text);
    }

    #[test]
    fn the_weights_decide_and_then_the_order() {
        // As Prometheus 2.42 and 3 ask with native histograms, and 3 without.
        let old = format!("{DELIMITED},application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
        assert_eq!(Format::wanted(&old), Format::Protobuf);
        let new = format!("{DELIMITED};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.1");
        assert_eq!(Format::wanted(&new), Format::Protobuf);
        let text_first = format!("application/openmetrics-text;version=1.0.0;q=0.6,{DELIMITED};q=0.5,*/*;q=0.1");
        assert_eq!(Format::wanted(&text_first), Format::Text);
        assert_eq!(Format::wanted(&format!("{DELIMITED};q=0")), Format::Text);
        assert_eq!(Format::wanted(&format!("{DELIMITED} ; q=0.5")), Format::Protobuf);
        assert_eq!(Format::wanted(&format!("{DELIMITED};q=much")), Format::Text);
    }
}
