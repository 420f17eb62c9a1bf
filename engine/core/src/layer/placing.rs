//! From what a packet says of its layers to its place: see [`crate::place`].
//!
//! VP8 and VP9 name them in the payload; AV1, and H264 with temporal layers, in the dependency descriptor.

use crate::place::{Place, Point, Points, SPATIAL_MAX};
use crate::target::TEMPORAL_MAX;
use corelay_wire::codec::PayloadDescription;
use corelay_wire::codec::dependency_descriptor::{
    DependencyDescriptor, FrameDependencies, Indication, Indications, Structure, TEMPLATES_MAX,
};
use corelay_wire::units::RtpTimestamp;

/// What the places of a stream's packets depend on, beside the packet.
#[derive(Clone, Debug)]
pub(crate) struct Placing {
    /// The picture of the packet before.
    picture: Option<RtpTimestamp>,
    /// The highest spatial layer since the latest keyframe. What is above it would need the same packets.
    top: u8,
    /// Lower spatial layers go on in what a receiver of a higher one gets.
    nested: bool,
    /// Since the first dependency structure.
    scheme: Option<Box<Scheme>>,
}

impl Default for Placing {
    fn default() -> Self {
        Self { picture: None, top: 0, nested: true, scheme: None }
    }
}

impl Placing {
    /// Whether a receiver of a higher spatial layer can go down at any picture.
    pub(crate) fn is_nested(&self) -> bool {
        self.nested
    }

    /// The place was told by another shard.
    pub(crate) fn told(&mut self, place: Place) {
        self.nested = place.is_nested();
    }

    /// The place of a packet whose payload descriptor names its layers.
    pub(crate) fn by_payload(&mut self, payload: &PayloadDescription, picture: Option<RtpTimestamp>) -> Place {
        let starts = self.starts_picture(payload.starts_frame, picture);
        let (Some(temporal), spatial) = (payload.temporal, payload.spatial.unwrap_or(0)) else {
            return Place::WHOLE.starting(starts);
        };
        match payload.spatial_layers {
            Some(layers) => self.top = layers.saturating_sub(1),
            // A keyframe that does not say how many there are is taken to have as many as there can be.
            None if payload.keyframe && payload.spatial.is_some() => self.top = SPATIAL_MAX as u8 - 1,
            None => {}
        }
        self.nested |= payload.keyframe;
        let own = Point::new(spatial, temporal);
        let lower = spatial < self.top;
        let needed_by = match lower && payload.not_spatial_reference {
            true => Points::at(own.spatial(), own.temporal()),
            false => Points::from(own.spatial(), own.temporal()),
        };
        if lower {
            self.nested = !payload.not_spatial_reference;
        }
        Place::new(own, needed_by)
            .starting(starts)
            .ending(payload.ends_frame == Some(true))
            .switching_up(payload.switching_up)
            .synchronizing(payload.synchronizing)
            .nested(self.nested)
            .under(self.top)
    }

    /// The place of a packet with a dependency descriptor; `None` when that cannot be read, or not yet.
    pub(crate) fn by_descriptor(&mut self, data: &[u8], picture: Option<RtpTimestamp>) -> Option<Place> {
        let descriptor = DependencyDescriptor::read(data)?;
        if let Some(structure) = Structure::read(data) {
            let scheme = Scheme::new(structure);
            (self.nested, self.top) = (scheme.nested, scheme.top);
            match &mut self.scheme {
                Some(known) => **known = scheme,
                unknown => *unknown = Some(Box::new(scheme)),
            }
        }
        let place = self.scheme.as_ref()?.place(data, descriptor.template_id)?;
        let starts = self.starts_picture(descriptor.starts_frame, picture);
        Some(place.starting(starts).ending(descriptor.ends_frame))
    }

    /// `picture`: the timestamp, of a packet that is the highest so far. One that comes late starts nothing.
    fn starts_picture(&mut self, starts_frame: bool, picture: Option<RtpTimestamp>) -> bool {
        let Some(picture) = picture else { return false };
        self.picture.replace(picture) != Some(picture) && starts_frame
    }
}

/// A dependency structure, on the lattice of points.
#[derive(Clone, Debug)]
struct Scheme {
    structure: Structure,
    /// The decode target that serves each point.
    serving: [u8; SPATIAL_MAX * TEMPORAL_MAX],
    /// Of frames as their templates have them.
    places: [Place; TEMPLATES_MAX],
    nested: bool,
    top: u8,
}

impl Scheme {
    fn new(structure: Structure) -> Self {
        let mut serving = [0; SPATIAL_MAX * TEMPORAL_MAX];
        for (target, point) in serving.iter_mut().zip(Point::all()) {
            *target = serving_target(&structure, point);
        }
        let top = structure.templates().last().map_or(0, |t| t.spatial);
        let mut scheme = Self { structure, serving, places: [Place::WHOLE; TEMPLATES_MAX], nested: true, top };
        for (at, template) in scheme.structure.templates().iter().enumerate() {
            scheme.places[at] = scheme.place_of(Point::new(template.spatial, template.temporal), template.indications);
        }
        // Whoever gets the most gets whatever anybody needs.
        let most = Point::new(top, TEMPORAL_MAX as u8 - 1);
        let count = scheme.structure.templates().len();
        scheme.nested = scheme.places[..count].iter().all(|place| place.needed_by.contains(most));
        scheme.places.iter_mut().for_each(|place| *place = place.nested(scheme.nested).under(top));
        scheme
    }

    fn place(&self, data: &[u8], template: u8) -> Option<Place> {
        if data.len() == DependencyDescriptor::MANDATORY_LEN {
            return self.structure.position(template).map(|at| self.places[at]);
        }
        let frame = FrameDependencies::read(data, &self.structure)?;
        let place = self.place_of(Point::new(frame.spatial, frame.temporal), frame.indications);
        Some(place.nested(self.nested).under(self.top))
    }

    fn place_of(&self, own: Point, indications: Indications) -> Place {
        let indicated = |point: &Point| indications.of(self.serving[point.number()]);
        let needed_by: Points = Point::all().filter(|p| indicated(p) != Indication::NotPresent).collect();
        let mut above = Point::all().filter(|p| p.spatial() == own.spatial() && p.temporal() > own.temporal());
        Place::new(own, needed_by).switching_up(above.all(|p| indicated(&p) == Indication::Switch))
    }
}

/// The decode target with the most layers that are not above those of `point`.
fn serving_target(structure: &Structure, point: Point) -> u8 {
    let layers = |target: u8| structure.layers_of(target);
    let within = (0..structure.targets()).filter(|t| layers(*t).0 <= point.spatial() && layers(*t).1 <= point.temporal());
    within.max_by_key(|t| (layers(*t), core::cmp::Reverse(*t))).unwrap_or(0)
}

#[cfg(test)]
mod tests;
