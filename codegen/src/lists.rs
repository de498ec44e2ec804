//! Finds what the generator's own lists name and the schemas do not have. After a change of a name, such an entry would
//! silently have no effect. Rules for words, such as the names of keywords, hold for any schema and are not checked.

use std::collections::BTreeSet;

use crate::emit::providers::{self, ABOUT};
use crate::features::{CALLED_BY_HAND, OF_SERVER, OF_SESSIONS};
use crate::flatten::{IN_ORDER, TOKEN};
use crate::model::{Field, Model, Origin, Ty};
use crate::names::RENAMED;
use crate::read::Group;
use crate::secrets::NOT_SECRET;
use crate::{Error, features, hooks, untimed};

/// Returns an error for each entry that names nothing in the protocol.
pub fn unused(model: &Model) -> Vec<Error> {
    let definitions = model.types.values().filter(|ty| ty.origin != Origin::Inline);
    let definitions: &BTreeSet<String> = &definitions.map(|ty| ty.place.clone()).collect();
    let places = |has: fn(&Field) -> bool| {
        let fields = model.fields().filter(|(_, field)| has(field));
        fields.map(|(ty, field)| ty.key_place(&field.key)).collect()
    };
    let methods: &BTreeSet<String> = &model.methods.keys().cloned().collect();
    let namespaces = |group: Group| {
        let methods = model.methods.values().filter(|method| method.group == group);
        let paths = methods.map(features::path).filter(|path| path.len() > 1);
        paths.map(|path| path[0].to_owned()).collect()
    };
    let params = model.methods.values().filter_map(|method| model.record(&method.params));
    let params = params.flat_map(|params| &params.fields).map(|field| field.key.clone()).collect();
    let untimed = untimed::METHODS.iter().flat_map(|(_, methods)| *methods).chain(untimed::WAITING);

    let mut errors = Vec::new();
    let mut check = |list: &'static str, entries: &mut dyn Iterator<Item = &&str>, all: &BTreeSet<String>| {
        let unused = entries.filter(|entry| !all.contains(**entry));
        errors.extend(unused.map(|entry| Error::List { list, entry: (*entry).to_owned() }));
    };
    check("flatten.rs: IN_ORDER", &mut IN_ORDER.iter(), &places(|of| matches!(of.ty, Ty::Entries(_))));
    check("flatten.rs: TOKEN", &mut [TOKEN].iter(), &params);
    check("secrets.rs: NOT_SECRET", &mut NOT_SECRET.iter(), &places(|_| true));
    check("names.rs: RENAMED", &mut RENAMED.iter().map(|(wire, _)| wire), definitions);
    check("features.rs: OF_SESSIONS", &mut OF_SESSIONS.iter(), &namespaces(Group::Session));
    check("features.rs: OF_SERVER", &mut OF_SERVER.iter(), &namespaces(Group::Server));
    check("features.rs: CALLED_BY_HAND", &mut CALLED_BY_HAND.iter(), methods);
    check("untimed.rs", &mut untimed.into_iter(), methods);
    check("hooks.rs: TYPES", &mut [hooks::TYPES].iter(), definitions);
    check("emit/providers.rs: ABOUT", &mut ABOUT.iter().map(|(name, _)| name), &providers::namespaces(model));
    errors
}
