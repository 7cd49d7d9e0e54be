//! What an instance of a component consists of, over all that it instantiates.
//!
//! A component's bytes do not bound it: a module is instantiated as often as a component likes, and so is a component within it, two
//! of which instantiate two others each. The engine follows them all before it makes an instance. Thirteen instances of one
//! module with a million globals were 203 MB a stream, which no limit counted.

use std::ops::AddAssign;

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ElementItems,
    Instance, Payload, Result, TypeRef,
};

use super::super::instance::PARTS_MAX;

/// Most of each, where a guest of the SDK has 3 core instances, 1 instance, 8 globals, 250 references, 3 segments and 12 kB of data.
/// A global takes 16 bytes of an instance and a reference 32, so these are at most half a megabyte, which a warm instance is
/// counted for. Segments are written one by one whenever an instance is made, without fuel.
const BOUNDS: [Bound; 8] = [
    ("core instances", |parts| parts.core_instances, PARTS_MAX as u64),
    ("memories", |parts| parts.memories, PARTS_MAX as u64),
    ("tables", |parts| parts.tables, PARTS_MAX as u64),
    ("instances of components", |parts| parts.component_instances, 100),
    ("globals", |parts| parts.globals, 1_000),
    ("functions that are imported, exported or in tables", |parts| parts.references, 15_000),
    ("segments", |parts| parts.segments, 1_000),
    ("bytes of data", |parts| parts.data_bytes, 16 << 20),
];

type Bound = (&'static str, fn(&Parts) -> u64, u64);

/// How much of what one instantiation makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    core_instances: u64,
    component_instances: u64,
    memories: u64,
    tables: u64,
    globals: u64,
    /// Functions that others can name: of each, an instance holds where it is.
    references: u64,
    segments: u64,
    data_bytes: u64,
}

impl Parts {
    /// What the engine allocates for an instance beside its memories and tables.
    pub(super) fn context_bytes(&self) -> usize {
        let bytes = 16 * self.globals.saturating_add(self.segments).saturating_add(2 * self.references);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// An offence for each bound that is not kept.
    pub(super) fn offences(&self) -> impl Iterator<Item = String> {
        let over = |(_, count, most): &Bound| count(self) > *most;
        BOUNDS.iter().filter(move |bound| over(bound)).map(|(what, count, most)| {
            format!(
                "it has {} {what}, and {most} are allowed: link it as one core module, and one that is smaller",
                count(self)
            )
        })
    }

    /// Counts a section of a core module.
    fn take(&mut self, payload: &Payload<'_>) -> Result<()> {
        match payload {
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    match import?.ty {
                        TypeRef::Global(_) => self.globals += 1,
                        _ => self.references += 1,
                    }
                }
            }
            Payload::TableSection(section) => self.tables += u64::from(section.count()),
            Payload::MemorySection(section) => self.memories += u64::from(section.count()),
            Payload::GlobalSection(section) => self.globals += u64::from(section.count()),
            Payload::ExportSection(section) => self.references += u64::from(section.count()),
            Payload::ElementSection(section) => {
                self.segments += u64::from(section.count());
                for element in section.clone() {
                    self.references += u64::from(match element?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    });
                }
            }
            Payload::DataSection(section) => {
                self.segments += u64::from(section.count());
                let range = section.range();
                self.data_bytes += range.end - range.start;
            }
            _ => {}
        }
        Ok(())
    }
}

impl AddAssign for Parts {
    fn add_assign(&mut self, other: Self) {
        // Saturating: fifty components that each instantiate the former one twice are more than can be counted.
        let add = |to: &mut u64, more: u64| *to = to.saturating_add(more);
        add(&mut self.core_instances, other.core_instances);
        add(&mut self.component_instances, other.component_instances);
        add(&mut self.memories, other.memories);
        add(&mut self.tables, other.tables);
        add(&mut self.globals, other.globals);
        add(&mut self.references, other.references);
        add(&mut self.segments, other.segments);
        add(&mut self.data_bytes, other.data_bytes);
    }
}

/// What a module or component makes when it is instantiated. None where only its instantiation would tell: it was handed over.
type Known = Option<Parts>;

/// One that is being read.
enum Open {
    Module(Parts),
    Component(Box<Scope>),
}

/// A component's index spaces, as far as they are needed.
#[derive(Default)]
struct Scope {
    modules: Vec<Known>,
    components: Vec<Known>,
    made: Parts,
}

/// Follows a component's instantiations.
#[derive(Default)]
pub(super) struct Instantiations {
    open: Vec<Open>,
    /// What the outermost component makes, once it was read.
    pub(super) made: Parts,
    /// Whether it instantiates what was handed over: as an import, or out of an instance.
    handed_over: bool,
    /// Whether its components call each other.
    lowers: bool,
}

impl Instantiations {
    pub(super) fn offences(&self) -> impl Iterator<Item = String> {
        let handed = self.handed_over.then_some("it instantiates modules or components that it is handed");
        // Code between two components is made by the host, out of their types: how much, their bytes do not tell.
        let lowers = self.lowers.then_some("it consists of components that call each other, or its imports");
        let told = handed.into_iter().chain(lowers).map(|what| format!("{what}: link it as one core module"));
        told.chain(self.made.offences())
    }

    /// Takes the next part of a component, which was validated: all indices are below what they are of.
    pub(super) fn take(&mut self, payload: &Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version { encoding: wasmparser::Encoding::Module, .. } => {
                self.open.push(Open::Module(Parts::default()));
            }
            Payload::Version { .. } => self.open.push(Open::Component(Box::default())),
            Payload::End(_) => self.close(),
            payload => match self.open.last_mut() {
                Some(Open::Module(parts)) => parts.take(payload)?,
                Some(Open::Component(_)) => self.take_of_component(payload)?,
                None => {}
            },
        }
        Ok(())
    }

    fn close(&mut self) {
        let closed = self.open.pop();
        match (closed, self.open.last_mut()) {
            (Some(Open::Module(parts)), Some(Open::Component(outer))) => {
                outer.modules.push(Some(Parts { core_instances: 1, ..parts }));
            }
            (Some(Open::Component(inner)), Some(Open::Component(outer))) => {
                outer.components.push(Some(inner.made));
            }
            (Some(Open::Module(parts)), _) => self.made = parts,
            (Some(Open::Component(outermost)), _) => self.made = outermost.made,
            (None, _) => {}
        }
    }

    fn take_of_component(&mut self, payload: &Payload<'_>) -> Result<()> {
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        let module =
                            self.scope(0).map(|scope| &scope.modules).and_then(|known| at(known, module_index));
                        self.make(module, Parts::default());
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        let known = self.scope(0).map(|scope| &scope.components);
                        let component = known.and_then(|known| at(known, component_index));
                        self.make(component, Parts { component_instances: 1, ..Parts::default() });
                    }
                }
            }
            Payload::ComponentAliasSection(section) => section.clone().into_iter().try_for_each(|alias| {
                self.alias(&alias?);
                Ok(())
            })?,
            Payload::ComponentImportSection(section) => section.clone().into_iter().try_for_each(|import| {
                self.name(import?.ty.kind(), None);
                Ok(())
            })?,
            Payload::ComponentExportSection(section) => section.clone().into_iter().try_for_each(|export| {
                let export = export?;
                self.name(export.kind, Some(export.index));
                Ok(())
            })?,
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    self.lowers |= matches!(function?, CanonicalFunction::Lower { .. });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The component that is being read, or the `outward`th around it.
    fn scope(&self, outward: usize) -> Option<&Scope> {
        match self.open.iter().rev().nth(outward)? {
            Open::Component(scope) => Some(scope),
            Open::Module(_) => None,
        }
    }

    fn innermost(&mut self) -> Option<&mut Scope> {
        match self.open.last_mut()? {
            Open::Component(scope) => Some(scope),
            Open::Module(_) => None,
        }
    }

    fn make(&mut self, known: Known, itself: Parts) {
        self.handed_over |= known.is_none();
        let Some(scope) = self.innermost() else { return };
        scope.made += itself;
        scope.made += known.unwrap_or_default();
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match *alias {
            ComponentAlias::Outer { kind, count, index } => {
                let outer = self.scope(usize::try_from(count).unwrap_or(usize::MAX));
                match kind {
                    ComponentOuterAliasKind::CoreModule => {
                        let module = outer.and_then(|outer| at(&outer.modules, index));
                        self.innermost().into_iter().for_each(|scope| scope.modules.push(module));
                    }
                    ComponentOuterAliasKind::Component => {
                        let component = outer.and_then(|outer| at(&outer.components, index));
                        self.innermost().into_iter().for_each(|scope| scope.components.push(component));
                    }
                    ComponentOuterAliasKind::Type | ComponentOuterAliasKind::CoreType => {}
                }
            }
            ComponentAlias::InstanceExport { kind, .. } => self.name(kind, None),
            ComponentAlias::CoreInstanceExport { .. } => {}
        }
    }

    /// An index more for a module or a component: for the one of `index`, or for one that is not known.
    fn name(&mut self, kind: ComponentExternalKind, index: Option<u32>) {
        let Some(scope) = self.innermost() else { return };
        let known = match kind {
            ComponentExternalKind::Module => &mut scope.modules,
            ComponentExternalKind::Component => &mut scope.components,
            _ => return,
        };
        known.push(index.and_then(|index| at(known, index)));
    }
}

fn at(known: &[Known], index: u32) -> Known {
    known.get(usize::try_from(index).ok()?).copied().flatten()
}
