//! Puts the parts of a type that contain the type itself behind a pointer.

use std::collections::BTreeSet;

use crate::Error;
use crate::model::{Model, Shape, Ty, Type};

/// Boxes each field whose type contains the field's own type, other than in a list or a map.
///
/// Fails if a type has no finite value.
pub fn break_cycles(model: &mut Model) -> Result<(), Error> {
    let mut boxed = BTreeSet::new();
    for (name, ty) in &model.types {
        if matches!(ty.shape, Shape::Alias(_))
            && alias_parts(ty).iter().any(|to| reaches(model, to, name, alias_parts))
        {
            return Err(Error::shape(
                &*ty.place,
                "a definition of itself without an object or a union between",
            ));
        }
        let Shape::Record(record) = &ty.shape else { continue };
        for field in &record.fields {
            let Some(target) = held_inline(&field.ty) else { continue };
            if reaches(model, target, name, inline_parts) {
                boxed.insert((name.clone(), field.key.clone()));
            }
        }
        if needed_parts(ty).into_iter().any(|target| reaches(model, target, name, needed_parts)) {
            return Err(Error::shape(&*ty.place, "no value is finite, since each contains another one"));
        }
    }
    for (name, ty) in &mut model.types {
        let Shape::Record(record) = &mut ty.shape else { continue };
        for field in &mut record.fields {
            if boxed.contains(&(name.clone(), field.key.clone())) {
                field.ty = Ty::Boxed(Box::new(field.ty.clone()));
            }
        }
    }
    Ok(())
}

/// Returns true if a type is `to` or contains it, according to `parts`.
fn reaches<'m>(model: &'m Model, from: &'m str, to: &str, parts: fn(&'m Type) -> Vec<&'m str>) -> bool {
    let mut open = vec![from];
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if let (Some(ty), true) = (model.types.get(name), seen.insert(name)) {
            open.extend(parts(ty));
        }
    }
    false
}

/// The generated types that a value contains directly.
fn inline_parts(ty: &Type) -> Vec<&str> {
    match &ty.shape {
        Shape::Record(record) => record.fields.iter().filter_map(|field| held_inline(&field.ty)).collect(),
        Shape::Union(union) => union.variants.iter().filter_map(|variant| held_inline(&variant.ty)).collect(),
        Shape::Alias(ty) => held_inline(ty).into_iter().collect(),
        Shape::Strings(_) => Vec::new(),
    }
}

/// The type that an alias names at any depth.
fn alias_parts(ty: &Type) -> Vec<&str> {
    match &ty.shape {
        Shape::Alias(ty) => ty.named().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The generated types of which every value of this type contains a value.
fn needed_parts(ty: &Type) -> Vec<&str> {
    match &ty.shape {
        Shape::Record(record) => {
            let needed = record.fields.iter().filter(|field| field.required && !field.nullable);
            needed.filter_map(|field| itself(&field.ty)).collect()
        }
        Shape::Alias(ty) => itself(ty).into_iter().collect(),
        Shape::Union(_) | Shape::Strings(_) => Vec::new(),
    }
}

fn itself(ty: &Ty) -> Option<&str> {
    match ty {
        Ty::Named(name) => Some(name),
        _ => None,
    }
}

fn held_inline(ty: &Ty) -> Option<&str> {
    match ty {
        Ty::Named(name) => Some(name),
        Ty::Option(inner) => held_inline(inner),
        _ => None,
    }
}
