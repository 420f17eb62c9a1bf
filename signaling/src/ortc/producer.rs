//! A publisher's `rtpParameters`, checked and taken over.

use super::codec::{
    Described, RouterCodec, associated, engine_feedback, is_redundancy, is_rtx, one_congestion_feedback, router_codec,
};
use super::extension::router_extension;
use super::layering::Layering;
use crate::protocol::{
    CodecParameters, ErrorName, HeaderExtensionParameters, MediaKind, ProtocolError, RtpCodecParameters, RtpEncodingParameters,
    RtpParameters, Source,
};
use corelay_engine::control::{LAYERS_MAX, LayerParameters, TrackParameters};
use corelay_wire::media::{Extension, ExtensionMap, Kind, PayloadFormat, PayloadFormats};
use corelay_wire::units::{Mid, PayloadType, Rid, Ssrc};
use serde_json::Value;

/// RFC 8285 section 4.2: "The local identifier value 15 is reserved for a future extension and MUST NOT be used as an identifier."
const ID_RESERVED: u8 = 15;
/// Format parameters of a codec: browsers write fewer than ten.
const PARAMETERS_MAX: usize = 16;
/// Longest text in format parameters: `sprop-parameter-sets` of H.264 is the longest that is seen.
const PARAMETER_LEN_MAX: usize = 256;

/// A codec of a producer as its consumers will be told.
#[derive(Clone)]
pub(crate) struct ProducerFormat {
    pub(super) codec: &'static RouterCodec,
    /// The publisher's payload type.
    pub(crate) payload_type: u8,
    /// That of its retransmissions.
    rtx: Option<u8>,
    /// The publisher's format parameters.
    pub(super) parameters: CodecParameters,
}

impl ProducerFormat {
    /// A payload type that two formats on one transport cannot share, because it means another thing in each.
    pub(crate) fn clash(&self, other: &Self) -> Option<u8> {
        let is_same = self.payload_type == other.payload_type;
        if is_same && !std::ptr::eq(self.codec, other.codec) {
            return Some(self.payload_type);
        }
        match (self.rtx, other.rtx) {
            (Some(ours), Some(theirs)) if ours == theirs && !is_same => Some(ours),
            (_, Some(theirs)) if theirs == self.payload_type => Some(theirs),
            (Some(ours), _) if ours == other.payload_type => Some(ours),
            _ => None,
        }
    }
}

/// What a client publishes.
pub(crate) struct Published {
    /// For the engine.
    pub(crate) track: TrackParameters,
    /// What consumers will be told of its formats.
    pub(crate) formats: Vec<ProducerFormat>,
    /// What consumers will be told of its layers.
    pub(crate) layering: Layering,
}

/// What a client publishes, checked.
pub(crate) fn producer(source: Source, parameters: &RtpParameters) -> Result<Published, ProtocolError> {
    let kind = source.kind();
    let formats = formats(kind, &parameters.codecs)?;
    let extensions = extensions(kind, &parameters.header_extensions)?;
    let has_rtx = formats.iter().any(|f| f.rtx.is_some());
    let layers = parameters.encodings.iter().enumerate().map(|(i, e)| layer(i, e, has_rtx)).collect::<Result<Vec<_>, _>>()?;
    let layering = Layering::of(formats[0].codec, &parameters.encodings)?;
    let track = TrackParameters {
        kind: match kind {
            MediaKind::Audio => Kind::Audio,
            MediaKind::Video => Kind::Video,
        },
        mid: parameters.mid.as_deref().map(mid).transpose()?,
        formats: payload_formats(&formats, &parameters.codecs, &extensions)?,
        layers: checked_layers(kind, layers, &extensions)?,
        extensions,
        screen: matches!(source, Source::Screen | Source::ScreenAudio),
        scalability: layering.scalability,
    };
    Ok(Published { track, formats, layering })
}

fn formats(kind: MediaKind, codecs: &[RtpCodecParameters]) -> Result<Vec<ProducerFormat>, ProtocolError> {
    let mut formats: Vec<ProducerFormat> = Vec::new();
    let mut seen = [false; 128];
    for (i, codec) in codecs.iter().enumerate() {
        let field = format!("data.rtpParameters.codecs[{i}]");
        match seen.get_mut(usize::from(codec.payload_type)) {
            None => return Err(malformed(format!("{field}.payloadType: must be below 128 (RFC 3550 section 5.1)"))),
            Some(true) => return Err(malformed(format!("{field}.payloadType: stands twice: give each codec its own"))),
            Some(slot) => *slot = true,
        }
        if is_rtx(&codec.mime_type) || is_redundancy(&codec.mime_type) {
            continue;
        }
        let format = format(kind, codec, &field)?;
        // The forwarding stage tells formats of a track apart by codec, and a publisher uses one profile.
        if formats.iter().any(|f| f.codec.codec == format.codec.codec) {
            return Err(unsupported(format!("{field}: the codec stands twice: publish with one profile of it")));
        }
        formats.push(format);
    }
    if formats.is_empty() {
        return Err(malformed("data.rtpParameters.codecs: must name at least one codec"));
    }
    add_retransmissions(&mut formats, codecs)?;
    Ok(formats)
}

/// What `apt` names must be there (RFC 4588 section 8.6).
fn add_retransmissions(formats: &mut [ProducerFormat], codecs: &[RtpCodecParameters]) -> Result<(), ProtocolError> {
    for (i, codec) in codecs.iter().enumerate().filter(|(_, codec)| is_rtx(&codec.mime_type)) {
        let apt = associated(&codec.parameters);
        match formats.iter_mut().find(|format| Some(format.payload_type) == apt) {
            Some(format) if format.codec.rtx_payload_type().is_some() => format.rtx = Some(codec.payload_type),
            Some(_) => {}
            None => {
                let field = format!("data.rtpParameters.codecs[{i}].parameters.apt");
                return Err(malformed(format!("{field}: must be the payload type of a codec that is listed")));
            }
        }
    }
    Ok(())
}

fn format(kind: MediaKind, codec: &RtpCodecParameters, field: &str) -> Result<ProducerFormat, ProtocolError> {
    check_parameters(&codec.parameters, field)?;
    let described = Described {
        mime_type: &codec.mime_type,
        clock_rate: codec.clock_rate,
        channels: codec.channels,
        parameters: &codec.parameters,
    };
    let known = router_codec(&described).filter(|c| c.kind() == kind).ok_or_else(|| {
        let shown: String = codec.mime_type.chars().filter(|c| c.is_ascii_graphic()).take(32).collect();
        unsupported(format!(
            "{field}: the router has no {shown} with these parameters for this kind: choose from getRouterRtpCapabilities"
        ))
    })?;
    Ok(ProducerFormat { codec: known, payload_type: codec.payload_type, rtx: None, parameters: codec.parameters.clone() })
}

/// Format parameters go into the session descriptions that other clients write: nothing may break out of its `a=fmtp` line.
fn check_parameters(parameters: &CodecParameters, field: &str) -> Result<(), ProtocolError> {
    let is_plain = |text: &str| text.len() <= PARAMETER_LEN_MAX && text.chars().all(|c| c.is_ascii_graphic() && c != ';');
    let fits = parameters.len() <= PARAMETERS_MAX
        && parameters.iter().all(|(key, value)| {
            is_plain(key)
                && match value {
                    Value::String(text) => is_plain(text),
                    Value::Number(_) => true,
                    _ => false,
                }
        });
    if fits { Ok(()) } else { Err(malformed(format!("{field}.parameters: must be few, short, plain strings and numbers"))) }
}

fn payload_formats(
    formats: &[ProducerFormat],
    codecs: &[RtpCodecParameters],
    extensions: &ExtensionMap,
) -> Result<PayloadFormats, ProtocolError> {
    let mut out = PayloadFormats::new();
    for format in formats {
        let theirs = codecs.iter().find(|c| c.payload_type == format.payload_type).map_or(&[][..], |c| c.rtcp_feedback.as_slice());
        let mut feedback = format.codec.common_feedback(theirs);
        one_congestion_feedback(&mut feedback, extensions);
        let payload_format = PayloadFormat {
            codec: format.codec.codec,
            payload_type: PayloadType(format.payload_type),
            rtx: format.rtx.map(PayloadType),
            feedback: engine_feedback(&feedback),
        };
        out.try_push(payload_format)
            .map_err(|_| unsupported("data.rtpParameters.codecs: too many codecs: name those that are sent"))?;
    }
    Ok(out)
}

fn extensions(kind: MediaKind, list: &[HeaderExtensionParameters]) -> Result<ExtensionMap, ProtocolError> {
    let mut map = ExtensionMap::default();
    let mut seen = [false; 256];
    for (i, extension) in list.iter().enumerate() {
        let field = format!("data.rtpParameters.headerExtensions[{i}]");
        // RFC 8285 section 4.2: 0 is padding.
        if extension.id == 0 {
            return Err(malformed(format!("{field}.id: 0 is no id (RFC 8285 section 4.2)")));
        }
        if extension.encrypt {
            return Err(unsupported(format!("{field}.encrypt: encrypted header extensions are not supported")));
        }
        if std::mem::replace(&mut seen[usize::from(extension.id)], true) {
            return Err(malformed(format!("{field}.id: stands twice: give each extension its own")));
        }
        // `mediasoup-client` gives the lowest number that is free to what a browser has and does not offer, and that may be the one that
        // stands for "stop here" in a packet: nothing can travel under it.
        if extension.id == ID_RESERVED {
            continue;
        }
        if let Some(known) = router_extension(kind, &extension.uri) {
            map.insert(known.extension, extension.id);
        }
    }
    Ok(map)
}

fn layer(index: usize, encoding: &RtpEncodingParameters, has_rtx: bool) -> Result<LayerParameters, ProtocolError> {
    let field = format!("data.rtpParameters.encodings[{index}]");
    let rid = match encoding.rid.as_deref() {
        // RFC 8851 section 10: alphanumeric, dash and underscore.
        Some(rid) if rid.is_empty() || !rid.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') => {
            return Err(malformed(format!("{field}.rid: must be letters, digits, '-' and '_' (RFC 8851 section 10)")));
        }
        Some(rid) => Some(Rid::from(rid).map_err(|_| malformed(format!("{field}.rid: must be at most 16 characters")))?),
        None => None,
    };
    if rid.is_none() && encoding.ssrc.is_none() {
        return Err(malformed(format!("{field}: must have ssrc or rid, or its packets cannot be told from others")));
    }
    // An SSRC for retransmissions whose format was not agreed on has nothing to carry.
    let rtx_ssrc = encoding.rtx.filter(|_| has_rtx).map(|rtx| Ssrc(rtx.ssrc));
    Ok(LayerParameters { ssrc: encoding.ssrc.map(Ssrc), rtx_ssrc, rid })
}

fn checked_layers(
    kind: MediaKind,
    layers: Vec<LayerParameters>,
    extensions: &ExtensionMap,
) -> Result<arrayvec::ArrayVec<LayerParameters, LAYERS_MAX>, ProtocolError> {
    let max = if kind == MediaKind::Audio { 1 } else { LAYERS_MAX };
    if layers.is_empty() || layers.len() > max {
        return Err(unsupported(format!("data.rtpParameters.encodings: must have 1 to {max} entries for this kind")));
    }
    let ssrcs: Vec<Ssrc> = layers.iter().flat_map(|l| [l.ssrc, l.rtx_ssrc]).flatten().collect();
    let rids: Vec<Rid> = layers.iter().filter_map(|l| l.rid).collect();
    if has_twice(&ssrcs) || has_twice(&rids) {
        return Err(malformed("data.rtpParameters.encodings: an ssrc or rid stands twice: give each encoding its own"));
    }
    if layers.iter().any(|l| l.ssrc.is_none()) && extensions.id(Extension::Rid).is_none() {
        return Err(malformed(
            "data.rtpParameters.headerExtensions: encodings by rid need urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        ));
    }
    Ok(layers.into_iter().collect())
}

fn has_twice<T: PartialEq>(list: &[T]) -> bool {
    list.iter().enumerate().any(|(i, one)| list[..i].contains(one))
}

fn mid(mid: &str) -> Result<Mid, ProtocolError> {
    // RFC 8843 section 15 has the header extension carry it; RFC 4566 calls its alphabet a token.
    match Mid::from(mid) {
        Ok(mid) if !mid.is_empty() && mid.chars().all(|c| c.is_ascii_graphic()) => Ok(mid),
        _ => Err(malformed("data.rtpParameters.mid: must be 1 to 16 plain characters")),
    }
}

fn malformed(reason: impl Into<std::borrow::Cow<'static, str>>) -> ProtocolError {
    ProtocolError::malformed(reason)
}

fn unsupported(reason: impl Into<std::borrow::Cow<'static, str>>) -> ProtocolError {
    ProtocolError::new(ErrorName::Unsupported, reason)
}
