//! What a subscription is to get of its track, and why it is that and no more.

use corelay_wire::units::Bitrate;

/// Temporal layers of one stream, at most: VP8's and H264's encoders make up to three, AV1's up to four.
pub const TEMPORAL_MAX: usize = 4;

/// Which part of a track: everything up to these layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Target {
    /// The simulcast stream, lowest first; zero where there is one.
    pub layer: u8,
    /// The highest spatial layer within the stream; zero where it has one.
    pub spatial: u8,
    /// The highest temporal layer.
    pub temporal: u8,
}

impl Target {
    /// How far up the picture's sizes it is: what the API calls the spatial layer. `spatial`: sizes are layers within the one stream,
    /// and not streams.
    pub const fn row(self, spatial: bool) -> u8 {
        if spatial { self.spatial } else { self.layer }
    }

    /// The same for whoever does not know what the sizes are: a track has several streams or several spatial layers, not both.
    pub const fn size(self) -> u8 {
        if self.layer > 0 { self.layer } else { self.spatial }
    }
}

/// Why a subscription gets what it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Why {
    /// It is all there is.
    #[default]
    Best,
    /// The subscriber asked for no more.
    Preferred,
    /// The subscriber shows it too small for more.
    Viewport,
    /// More does not fit the estimate.
    Bandwidth {
        /// What the transport was thought to carry when that was decided.
        estimate: Bitrate,
    },
    /// The publisher does not send the layer that it would get.
    LayerSilent,
    /// The publisher paused the track.
    PublisherPaused,
    /// It was decided for, and waits for a keyframe to begin with.
    Waiting,
    /// The subscription is paused.
    Paused,
    /// Not among the last speakers whose video the subscriber wants.
    NotSpeaking,
}

impl Why {
    /// How many variants there are.
    pub const COUNT: usize = 9;
    /// Words for all of them, in the order of [`Why::index`].
    pub const LABELS: [&'static str; Self::COUNT] =
        ["best", "preferred", "viewport", "bandwidth", "layer_silent", "publisher_paused", "waiting", "paused", "not_speaking"];

    /// Its place in a table.
    pub const fn index(self) -> usize {
        match self {
            Self::Best => 0,
            Self::Preferred => 1,
            Self::Viewport => 2,
            Self::Bandwidth { .. } => 3,
            Self::LayerSilent => 4,
            Self::PublisherPaused => 5,
            Self::Waiting => 6,
            Self::Paused => 7,
            Self::NotSpeaking => 8,
        }
    }

    /// A word for APIs and metrics.
    pub const fn label(self) -> &'static str {
        Self::LABELS[self.index()]
    }
}
