//! Questions to a model.

use std::collections::BTreeSet;

use super::{Field, Group, Method, Model, Origin, Record, Shape, Ty, Type};
use crate::Report;
use crate::read::Source;

impl Type {
    /// The name of a key in `schema/older.json`.
    pub fn key_place(&self, key: &str) -> String {
        format!("{}.{key}", self.place)
    }

    /// The types to which the definition refers.
    pub fn references(&self) -> Vec<&Ty> {
        match &self.shape {
            Shape::Record(record) => {
                record.fields.iter().map(|field| &field.ty).chain(&record.rest).collect()
            }
            Shape::Strings(_) => Vec::new(),
            Shape::Union(union) => union.variants.iter().map(|variant| &variant.ty).collect(),
            Shape::Alias(ty) => vec![ty],
        }
    }
}

/// The number of parameters of one type in a row that is too many.
const MANY_ALIKE: usize = 3;

impl Model {
    /// The shape of a type, if it is a generated one.
    pub fn shape(&self, ty: &Ty) -> Option<&Shape> {
        match ty {
            Ty::Named(name) => self.types.get(name).map(|ty| &ty.shape),
            _ => None,
        }
    }

    /// The fields of all objects, each with its type.
    pub fn fields(&self) -> impl Iterator<Item = (&Type, &Field)> {
        self.types.values().flat_map(|ty| {
            let fields = match &ty.shape {
                Shape::Record(record) => record.fields.as_slice(),
                _ => &[],
            };
            fields.iter().map(move |field| (ty, field))
        })
    }

    /// The type behind aliases, which is the same type to the compiler.
    pub fn resolve<'m>(&'m self, ty: &'m Ty) -> &'m Ty {
        match self.shape(ty) {
            Some(Shape::Alias(target)) => self.resolve(target),
            _ => ty,
        }
    }

    /// The type behind aliases, options and pointers.
    pub fn bare<'m>(&'m self, ty: &'m Ty) -> &'m Ty {
        match self.resolve(ty) {
            Ty::Option(inner) | Ty::Boxed(inner) => self.bare(inner),
            ty => ty,
        }
    }

    /// Returns true if the type is an option, maybe under another name.
    pub fn is_option(&self, ty: &Ty) -> bool {
        matches!(self.resolve(ty), Ty::Option(_))
    }

    /// Returns true if the field is an option.
    pub fn is_optional(&self, field: &Field) -> bool {
        field.options(false) > 0 || self.is_option(&field.ty)
    }

    /// The fields and constants of a type, if it is an object.
    pub fn record(&self, ty: &Ty) -> Option<&Record> {
        match self.shape(ty) {
            Some(Shape::Record(record)) => Some(record),
            _ => None,
        }
    }

    /// Returns true if `new` of the record takes the required values by name: with three parameters of one type in a
    /// row, two that change places would not be noticed.
    pub fn new_by_name(&self, record: &Record) -> bool {
        let types: Vec<Ty> = record.required().map(|field| self.resolve(&field.given()).clone()).collect();
        types.windows(MANY_ALIKE).any(|row| row.iter().all(|ty| *ty == row[0]))
    }

    /// The keys and results that are optional only because older versions omit them, named as in `schema/older.json`.
    pub fn missing_in_older(&self) -> BTreeSet<String> {
        let results = self.methods.values().filter(|method| method.missing_in_older.is_some());
        let mut missing: BTreeSet<String> = results.map(Method::result_place).collect();
        let fields = self.fields().filter(|(_, field)| field.missing_in_older.is_some());
        missing.extend(fields.map(|(ty, field)| ty.key_place(&field.key)));
        missing
    }

    /// The types of the given names, and those that they contain at any depth.
    pub fn reach<'m>(&'m self, from: impl IntoIterator<Item = &'m str>) -> BTreeSet<&'m str> {
        let mut open: Vec<&str> = from.into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(name) = open.pop() {
            if let (Some(ty), true) = (self.types.get(name), reached.insert(name)) {
                open.extend(ty.references().into_iter().filter_map(Ty::named));
            }
        }
        reached
    }

    /// Counts the schemas that were read and the items that are emitted.
    pub(crate) fn report(&self, source: &Source) -> Report {
        let count = |origin| self.types.values().filter(|ty| ty.origin == origin).count();
        let methods = |group| {
            self.methods.values().filter(|method| method.group == group && !method.supplement).count()
        };
        let notifications = self
            .methods
            .values()
            .filter(|method| method.supplement && method.group == Group::Notification)
            .count();
        let supplement = self.methods.values().filter(|method| method.supplement).count();
        Report {
            definitions: source.upstream_definitions,
            types: count(Origin::Definition),
            envelopes: source.envelopes,
            inline_types: count(Origin::Inline),
            methods: Group::ALL.iter().map(|&group| (group.key(), methods(group))).collect(),
            events: self.events.len(),
            supplement: (count(Origin::Supplement), supplement - notifications, notifications),
        }
    }
}
