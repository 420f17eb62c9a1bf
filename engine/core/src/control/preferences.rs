//! What a subscriber wishes of one track.

/// The part of a subscriber's screen that shows a track, in device pixels: CSS pixels times `devicePixelRatio`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Viewport {
    /// Pixels from left to right.
    pub width: u16,
    /// Pixels from top to bottom.
    pub height: u16,
}

impl Viewport {
    /// Nothing is known of it: any size may be shown.
    pub const ANY: Self = Self { width: u16::MAX, height: u16::MAX };
    /// It is not shown.
    pub const HIDDEN: Self = Self { width: 0, height: 0 };

    /// Whether the track is not shown at all: a side of zero is none.
    pub const fn is_hidden(self) -> bool {
        self.width == 0 || self.height == 0
    }
}

/// What a subscriber wishes of a track. Limits, not demands: what the publisher sends and the network carries may be less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Preferences {
    /// The highest picture size that is wanted, counted from zero: the simulcast stream, or the spatial layer within the one stream
    /// ([`crate::target::Target::size`]). 255, or any that there is not: no limit.
    pub spatial: u8,
    /// The highest temporal layer that is wanted, counted from zero. 255: no limit.
    pub temporal: u8,
    /// From 1 to 255: when not all fit, higher goes first.
    pub priority: u8,
    /// How large it is shown.
    pub viewport: Viewport,
    /// Whether a camera is paused while its owner is not among the room's last speakers
    /// ([`crate::control::SpeakerOptions::videos`]). Means nothing for audio and screens.
    pub follows_speakers: bool,
}

impl Preferences {
    /// The lowest priority, which is what a subscription has that did not ask for another.
    pub const PRIORITY_MIN: u8 = 1;
    /// No limit of layers.
    pub const ANY_LAYER: u8 = u8::MAX;
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            spatial: Self::ANY_LAYER,
            temporal: Self::ANY_LAYER,
            priority: Self::PRIORITY_MIN,
            viewport: Viewport::ANY,
            follows_speakers: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_limited_unless_asked_for() {
        let Preferences { spatial, temporal, priority, viewport, follows_speakers } = Preferences::default();
        assert_eq!((spatial, temporal, priority, follows_speakers), (255, 255, 1, false));
        assert!(!viewport.is_hidden() && Viewport::HIDDEN.is_hidden());
        assert!(Viewport { width: 0, height: 100 }.is_hidden() && Viewport { width: 100, height: 0 }.is_hidden());
    }
}
