//! Reads the dependency descriptor (AV1 RTP specification, appendix A.8), independently of the server's reader.

use super::pieces::Dependency;
use crate::bits::BitReader;

/// What the structure says of each template.
#[derive(Debug, Default, Clone)]
pub(crate) struct Templates {
    offset: u32,
    decode_targets: u32,
    chains: u32,
    templates: Vec<Template>,
}

#[derive(Debug, Default, Clone)]
struct Template {
    spatial: u8,
    temporal: u8,
    diffs: Vec<u16>,
}

impl Templates {
    /// Whether there was a structure.
    pub(crate) fn are_known(&self) -> bool {
        !self.templates.is_empty()
    }

    /// Reads a descriptor; a structure in it takes the place of the one before. `None` when it cannot be understood.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Option<Dependency> {
        let mut reader = BitReader::new(bytes);
        let (first, last) = (reader.flag()?, reader.flag()?);
        let template = reader.take(6)?;
        let frame_number = reader.take(16)? as u16;
        let [mut structured, mut targets, mut indications, mut diffs, mut chains] = [false; 5];
        if bytes.len() > 3 {
            for flag in [&mut structured, &mut targets, &mut indications, &mut diffs, &mut chains] {
                *flag = reader.flag()?;
            }
        }
        if structured {
            *self = Self::read_structure(&mut reader)?;
        }
        if targets {
            reader.take(self.decode_targets as usize)?;
        }
        let found = self.templates.get((template + 64 - self.offset) as usize % 64)?.clone();
        if indications {
            (0..self.decode_targets).try_for_each(|_| reader.take(2).map(|_| ()))?;
        }
        let own_diffs = if diffs { read_own_diffs(&mut reader)? } else { found.diffs };
        if chains {
            (0..self.chains).try_for_each(|_| reader.take(8).map(|_| ()))?;
        }
        let (spatial, temporal) = (found.spatial, found.temporal);
        Some(Dependency { first, last, frame_number, has_structure: structured, spatial, temporal, diffs: own_diffs })
    }

    fn read_structure(reader: &mut BitReader<'_>) -> Option<Self> {
        let (offset, decode_targets) = (reader.take(6)?, reader.take(5)? + 1);
        let mut templates = vec![Template::default()];
        loop {
            let last = templates.last()?.clone();
            match reader.take(2)? {
                0 => templates.push(last),
                1 => templates.push(Template { temporal: last.temporal + 1, ..last }),
                2 => templates.push(Template { temporal: 0, spatial: last.spatial + 1, ..last }),
                _ => break,
            }
            if templates.len() > 64 {
                return None;
            }
        }
        (0..templates.len() as u32 * decode_targets).try_for_each(|_| reader.take(2).map(|_| ()))?;
        for template in &mut templates {
            while reader.flag()? {
                template.diffs.push(reader.take(4)? as u16 + 1);
            }
        }
        let chains = reader.take_below(decode_targets + 1)?;
        if chains > 0 {
            (0..decode_targets).try_for_each(|_| reader.take_below(chains).map(|_| ()))?;
            (0..templates.len() as u32 * chains).try_for_each(|_| reader.take(4).map(|_| ()))?;
        }
        if reader.flag()? {
            let layers = templates.iter().map(|t| t.spatial).max()? + 1;
            (0..layers).try_for_each(|_| reader.take(32).map(|_| ()))?;
        }
        Some(Self { offset, decode_targets, chains, templates })
    }
}

fn read_own_diffs(reader: &mut BitReader<'_>) -> Option<Vec<u16>> {
    let mut diffs = Vec::new();
    loop {
        match reader.take(2)? {
            0 => return Some(diffs),
            size => diffs.push(reader.take(4 * size as usize)? as u16 + 1),
        }
    }
}
