//! What an instruction costs in fuel.
//!
//! Fuel is what bounds a call, and the bound is only as good as its price of the slowest instruction. With one unit for each, 200
//! million units of `ref.func` were ten seconds, and of an empty `memory.fill` six: both leave the guest for a function of the host.

use wasmtime::OperatorCost;

/// One unit for an instruction, as the engine has it, but for those that take more than a nanosecond or two: about a unit for each
/// of theirs. Prices are the same on every machine, so a call's fuel is too.
pub(super) const fn operator_cost() -> OperatorCost {
    OperatorCost {
        // Functions of the host. Copies and the like pay for their bytes besides.
        RefFunc: 60,
        MemoryFill: 150,
        MemoryGrow: 60,
        MemoryInit: 60,
        DataDrop: 60,
        TableGrow: 60,
        TableInit: 60,
        ElemDrop: 60,
        // Roots and quotients, which a processor works on for a dozen cycles or more, and the check for NaN behind them.
        F32Sqrt: 10,
        F64Sqrt: 10,
        F32x4Sqrt: 12,
        F64x2Sqrt: 12,
        F32Div: 5,
        F64Div: 5,
        F32x4Div: 6,
        F64x2Div: 6,
        F32Nearest: 5,
        F64Nearest: 5,
        F32Ceil: 5,
        F64Ceil: 5,
        F32Floor: 5,
        F64Floor: 5,
        F32Trunc: 5,
        F64Trunc: 5,
        F32x4Nearest: 6,
        F64x2Nearest: 6,
        F32x4Ceil: 6,
        F64x2Ceil: 6,
        F32x4Floor: 6,
        F64x2Floor: 6,
        F32x4Trunc: 6,
        F64x2Trunc: 6,
        I32DivS: 4,
        I32DivU: 4,
        I32RemS: 4,
        I32RemU: 4,
        I64DivS: 4,
        I64DivU: 4,
        I64RemS: 4,
        I64RemU: 4,
        ..OperatorCost::new()
    }
}
