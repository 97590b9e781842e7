use crate::plugin::list;
use crate::{object, Json, ObjectBuilder};

/// The registration document as it grows; the entries stand in the order of
/// their registration, so that every instance returns the same bytes.
#[derive(Default)]
pub(crate) struct Document {
    pub name: String,
    pub version: String,
    pub order: i64,
    pub schema: Json<'static>,
    pub commands: Vec<ObjectBuilder>,
    pub middleware: Vec<ObjectBuilder>,
    pub guards: Vec<ObjectBuilder>,
    pub channels: Vec<ObjectBuilder>,
    pub presence: Vec<ObjectBuilder>,
    pub rooms: Vec<ObjectBuilder>,
    pub records: Vec<ObjectBuilder>,
    pub collections: Vec<ObjectBuilder>,
    pub metadata_guard: String,
    pub hooks: Vec<ObjectBuilder>,
    pub schedules: Vec<ObjectBuilder>,
    pub capabilities: Vec<ObjectBuilder>,
}

impl Document {
    /// Returns the document; what is not set is left out.
    pub fn json(&self) -> Json<'static> {
        let mut o = object();
        for (name, text) in [("name", &self.name), ("version", &self.version), ("metadataGuard", &self.metadata_guard)] {
            if !text.is_empty() {
                o = o.text(name, text);
            }
        }
        if self.order != 0 {
            o = o.int("order", self.order);
        }
        for (name, entries) in [
            ("commands", &self.commands),
            ("middleware", &self.middleware),
            ("guards", &self.guards),
            ("channels", &self.channels),
            ("presence", &self.presence),
            ("rooms", &self.rooms),
            ("records", &self.records),
            ("collections", &self.collections),
            ("hooks", &self.hooks),
            ("schedules", &self.schedules),
            ("capabilities", &self.capabilities),
        ] {
            if !entries.is_empty() {
                o = o.raw(name, list(entries));
            }
        }
        if !self.schema.is_none() {
            o = o.raw("configSchema", &self.schema);
        }
        o.json()
    }
}
