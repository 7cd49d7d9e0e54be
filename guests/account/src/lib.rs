//! An account: deposits, and withdrawals down to a balance of zero. The reducer of which there are variants, for tests of swaps: each
//! feature of its crate changes one thing that a swap may change.

use foldhost_sdk::prelude::*;

/// The reducer for streams such as `account-1`.
pub struct Account;

/// The lowest balance that a withdrawal may leave.
const BALANCE_MIN: i64 = if cfg!(feature = "overdraft") { -100 } else { 0 };

/// What a withdrawal costs beside its amount.
const FEE: i64 = if cfg!(feature = "fee") { 1 } else { 0 };

/// The account that adds up what the others gave out, where they tell it.
const NOTICES: &str = "account-notices";

/// What the events of one account add up to.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// What is on it.
    pub balance: i64,
    /// What it is called.
    pub name: Option<String>,
    /// How many withdrawals there were.
    #[cfg(any(feature = "schema", feature = "undeclared"))]
    pub withdrawals: u64,
}

/// What an account can be asked to do: `foldhost send account-1 Deposit '{"amount": 20}'`.
#[derive(Debug, Command)]
pub enum AccountCommand {
    /// Take money in.
    Deposit {
        /// How much; at least 1.
        amount: u32,
    },
    /// Give money out.
    Withdraw {
        /// How much; at least 1.
        amount: u32,
    },
    /// Call it otherwise.
    #[cfg(not(feature = "forgetful"))]
    Rename {
        /// Its name from now on.
        name: String,
    },
}

/// What can happen to an account.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum AccountEvent {
    /// Money came in.
    Deposited {
        /// How much.
        amount: u32,
    },
    /// Money went out.
    #[cfg_attr(feature = "receipt", event(version = 2, v1 = WithdrawnV1))]
    Withdrawn {
        /// How much.
        amount: u32,
        /// The number of its receipt; none of one from before there were receipts.
        #[cfg(feature = "receipt")]
        receipt: Option<u64>,
    },
    /// It is called otherwise.
    #[cfg(not(feature = "forgetful"))]
    Renamed {
        /// Its name from now on.
        name: String,
    },
}

/// A withdrawal from before there were receipts.
#[cfg(feature = "receipt")]
#[derive(FormerEvent)]
pub struct WithdrawnV1 {
    amount: u32,
}

#[cfg(feature = "receipt")]
impl From<WithdrawnV1> for AccountEvent {
    fn from(WithdrawnV1 { amount }: WithdrawnV1) -> Self {
        Self::Withdrawn { amount, receipt: None }
    }
}

impl Reducer for Account {
    const NAME: &'static str = "account";
    const STATE_SCHEMA: &'static str = if cfg!(feature = "schema") { "account.v2" } else { "account.v1" };
    type State = AccountState;
    type Command = AccountCommand;
    type Event = AccountEvent;

    fn decide(
        state: &AccountState,
        command: AccountCommand,
        context: &Context,
    ) -> Result<Decision<AccountEvent>, Rejection> {
        match command {
            AccountCommand::Deposit { amount: 0 } | AccountCommand::Withdraw { amount: 0 } => {
                Err(Rejection::new("no-amount", "`amount` must be at least 1"))
            }
            AccountCommand::Withdraw { amount: 13 } if cfg!(feature = "hesitant") => {
                panic!("{:?} has no luck with 13", state.name)
            }
            AccountCommand::Deposit { amount } => Ok(Decision::event(AccountEvent::Deposited { amount })),
            AccountCommand::Withdraw { amount } if state.balance - i64::from(amount) < BALANCE_MIN => Err(
                Rejection::new("insufficient-funds", format!("a balance of {} has no {amount} to give", state.balance)),
            ),
            AccountCommand::Withdraw { amount } => Ok(withdraw(amount, context)),
            #[cfg(not(feature = "forgetful"))]
            AccountCommand::Rename { name } if state.name.as_ref() == Some(&name) => Ok(Decision::none()),
            #[cfg(not(feature = "forgetful"))]
            AccountCommand::Rename { name } => Ok(Decision::event(AccountEvent::Renamed { name })),
        }
    }

    fn apply(state: &mut AccountState, event: AccountEvent) {
        match event {
            AccountEvent::Deposited { amount } => {
                assert!(!(cfg!(feature = "trap") && amount == 13), "13 is an unlucky number");
                state.balance += i64::from(amount);
            }
            AccountEvent::Withdrawn { amount, .. } => {
                state.balance -= i64::from(amount) + FEE;
                #[cfg(any(feature = "schema", feature = "undeclared"))]
                {
                    state.withdrawals += 1;
                }
            }
            #[cfg(not(feature = "forgetful"))]
            AccountEvent::Renamed { name } if cfg!(feature = "quoted") => state.name = Some(format!("«{name}»")),
            #[cfg(not(feature = "forgetful"))]
            AccountEvent::Renamed { name } => state.name = Some(name),
        }
    }
}

fn withdraw(amount: u32, context: &Context) -> Decision<AccountEvent> {
    let decision = Decision::event(AccountEvent::Withdrawn {
        amount,
        #[cfg(feature = "receipt")]
        receipt: Some(context.version + 1),
    });
    if !cfg!(feature = "notify") || context.stream_id == NOTICES {
        return decision;
    }
    let notice = DispatchedCommand::of(&AccountCommand::Deposit { amount });
    decision.with_effect(Effect::dispatch(NOTICES, notice))
}

foldhost_sdk::export!(Account);
