//! Looks for a contract's functions in a component.

use wasmtime::Engine;
use wasmtime::component::types::{self, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, ComponentNamedList, Lift, Lower};

/// Finds functions by name and type, and keeps what it does not find.
pub(in crate::guest) struct Finder<'a> {
    engine: &'a Engine,
    component: &'a Component,
    component_type: types::Component,
    interface: ComponentExportIndex,
    interface_type: types::ComponentInstance,
    /// Names that the component does not have.
    pub(in crate::guest) missing: Vec<String>,
    /// Names that it has with another type, and what differs.
    pub(in crate::guest) different: Vec<String>,
}

impl<'a> Finder<'a> {
    /// Looks in the export of exactly this name.
    pub(in crate::guest) fn new(engine: &'a Engine, component: &'a Component, interface: &str) -> Option<Self> {
        let component_type = component.component_type();
        // Asked for by its exact name first: the look-up by index takes 1.1.0 for 1.0.0, as it would for WASI.
        let ComponentItem::ComponentInstance(interface_type) = component_type.get_export(engine, interface)?.ty else {
            return None;
        };
        let interface = component.get_export_index(None, interface)?;
        Some(Self {
            engine,
            component,
            component_type,
            interface,
            interface_type,
            missing: Vec::new(),
            different: Vec::new(),
        })
    }

    pub(super) fn resource(&mut self, name: &str) {
        match self.interface_type.get_export(self.engine, name).map(|export| export.ty) {
            Some(ComponentItem::Resource(_)) => {}
            Some(_) => self.different.push(format!("{name} is no resource")),
            None => self.missing.push(format!("the resource {name}")),
        }
    }

    pub(super) fn function<P, R>(&mut self, name: &str) -> Option<ComponentExportIndex>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let found = match self.interface_type.get_export(self.engine, name).map(|export| export.ty) {
            None => {
                self.missing.push(shown(name));
                return None;
            }
            // What wasmtime itself asks when it is given a function's types, only before there is an instance.
            Some(ComponentItem::ComponentFunc(function)) => function
                .typecheck::<P, R>(&self.component_type.instance_type())
                .map_err(|error| error.chain().map(|cause| cause.to_string()).collect::<Vec<_>>().join(": ")),
            Some(_) => Err("it is no function".to_owned()),
        };
        match found {
            Ok(()) => self.component.get_export_index(Some(&self.interface), name),
            Err(reason) => {
                self.different.push(format!("{} ({reason})", shown(name)));
                None
            }
        }
    }
}

/// A function as the contract's text names it.
fn shown(name: &str) -> String {
    match name.strip_prefix('[').and_then(|name| name.split_once(']')) {
        Some(("constructor", resource)) => format!("the constructor of {resource}"),
        Some((_, method)) => method.to_owned(),
        None => name.to_owned(),
    }
}
