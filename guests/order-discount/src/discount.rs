//! The discount: an order of 100.00 or more is placed with a tenth off. What is added to it later costs what it costs.

use crate::money::Money;

/// Whether this release grants discounts, or only reads of them.
pub const GRANTS: bool = cfg!(feature = "grant");

/// What an order has to come to.
pub const DISCOUNT_FROM: Money = Money::from_cents(10_000);

/// How much is taken off. Fractions of a cent are not.
pub const DISCOUNT_PERCENT: i64 = 10;

/// What an order costs.
pub(crate) struct Price {
    /// What is left to pay.
    pub(crate) total: Money,
    /// What was taken off.
    pub(crate) discount: Money,
}

/// The price of an order whose lines come to `sum`.
pub(crate) fn price(sum: Money) -> Price {
    if !GRANTS || sum < DISCOUNT_FROM {
        return Price { total: sum, discount: Money::ZERO };
    }
    let cents = sum.cents();
    // Divided first: a sum may be as large as an amount can be.
    let off = cents / 100 * DISCOUNT_PERCENT + cents % 100 * DISCOUNT_PERCENT / 100;
    Price { total: Money::from_cents(cents - off), discount: Money::from_cents(off) }
}
