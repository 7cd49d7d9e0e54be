//! How much work a component's code is for the compiler.
//!
//! Compiling takes time and memory that nothing interrupts, and neither is in proportion to the bytes: what is live at a place is kept
//! apart from all else that is live there, and places where the code goes apart are held against each other. A component of 450 kB,
//! one function with 50,000 locals and 20,000 loops, was still being compiled after a minute, at 3.7 GB.

use wasmparser::{
    CompositeInnerType, FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, OperatorsReader, Result,
    TypeSectionReader, ValidatorResources,
};

/// Most of each, where the order guest has 25 types, 13 parameters, 1 result, 267 functions, 37 locals, blocks 59 deep, 8.5 kB in
/// its largest function and 110 kB in all, 1,500 locals in all, 703,000 live values and 588,000 at branches.
///
/// The worst that was found within them took 6.7 seconds on two cores (calls through a table) and 0.95 GB (two megabytes of calls), the
/// order guest a tenth of a second; tests/components/compiling.rs has the shapes, and measures them when asked. Ten thousand functions
/// of a thousand locals, which do nothing, were 1.5 GB: so there is a bound on all of them.
const BOUNDS: [Bound; 11] = [
    ("types", |code| code.types, 5_000),
    ("parameters of a function", |code| code.params, 100),
    ("results of a function", |code| code.results, 16),
    ("functions", |code| code.functions, 10_000),
    ("locals in a function", |code| code.locals, 1_000),
    ("locals", |code| code.all_locals, 50_000),
    ("blocks within each other", |code| code.depth, 500),
    ("bytes of code in a function", |code| code.function_bytes, 256 << 10),
    ("bytes of code", |code| code.bytes, 2 << 20),
    ("live values, counted at each instruction", |code| code.live, 50_000_000),
    ("live values and branches before, counted at each branch", |code| code.at_branches, 20_000_000),
];

type Bound = (&'static str, fn(&Code) -> u64, u64);

/// The code of all core modules, each counted once: that is how often it is compiled.
#[derive(Default)]
pub(super) struct Code {
    allocations: FuncValidatorAllocations,
    types: u64,
    functions: u64,
    bytes: u64,
    all_locals: u64,
    live: u64,
    at_branches: u64,
    // The most of each that one type or function has.
    params: u64,
    results: u64,
    function_bytes: u64,
    locals: u64,
    depth: u64,
}

impl Code {
    pub(super) fn take_types(&mut self, section: &TypeSectionReader<'_>) -> Result<()> {
        self.types += u64::from(section.count());
        for group in section.clone() {
            for ty in group?.types() {
                if let CompositeInnerType::Func(function) = &ty.composite_type.inner {
                    self.params = self.params.max(function.params().len() as u64);
                    self.results = self.results.max(function.results().len() as u64);
                }
            }
        }
        Ok(())
    }

    pub(super) fn take_function(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
    ) -> Result<()> {
        let range = body.range();
        let bytes = range.end - range.start;
        self.functions += 1;
        self.bytes += bytes;
        self.function_bytes = self.function_bytes.max(bytes);
        // No further once there is an offence: of a type with a thousand results, two bytes make a thousand values.
        if self.offences().next().is_some() {
            return Ok(());
        }
        let mut validator = function.into_validator(std::mem::take(&mut self.allocations));
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        let locals = u64::from(validator.len_locals());
        self.locals = self.locals.max(locals);
        self.all_locals += locals;
        let mut branches = 0;
        let mut operators = OperatorsReader::new(reader);
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            let live = locals + u64::from(validator.operand_stack_height());
            self.live = self.live.saturating_add(live);
            let ways = ways(&operator);
            self.at_branches = self.at_branches.saturating_add((live + branches).saturating_mul(ways));
            branches += ways;
            validator.op(offset, &operator)?;
            self.depth = self.depth.max(u64::from(validator.control_stack_height()));
        }
        operators.finish()?;
        self.allocations = validator.into_allocations();
        Ok(())
    }

    /// An offence for each bound that is not kept.
    pub(super) fn offences(&self) -> impl Iterator<Item = String> {
        let over = |(_, count, most): &&Bound| count(self) > *most;
        BOUNDS.iter().filter(over).map(|(what, count, most)| {
            let count = count(self);
            format!("it has {count} {what}, and {most} are allowed: make its largest functions smaller, and fewer")
        })
    }
}

/// In how many ways the code goes on after an instruction, beyond the next one: the compiler makes a block for each.
fn ways(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::BrTable { targets } => u64::from(targets.len()) + 1,
        Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::If { .. }
        | Operator::Else
        | Operator::Br { .. }
        | Operator::BrIf { .. }
        // These ask whether the function was looked up before, or call the host.
        | Operator::CallIndirect { .. }
        | Operator::ReturnCallIndirect { .. }
        | Operator::TableGet { .. }
        | Operator::TableSet { .. }
        | Operator::TableGrow { .. }
        | Operator::TableFill { .. }
        | Operator::TableCopy { .. }
        | Operator::TableInit { .. }
        | Operator::MemoryGrow { .. }
        | Operator::MemoryFill { .. }
        | Operator::MemoryCopy { .. }
        | Operator::MemoryInit { .. } => 1,
        _ => 0,
    }
}
