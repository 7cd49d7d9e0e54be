//! What a save came to, in one line.

use std::time::Duration;

use foldhost::build::BuildError;
use foldhost::event_store::Canary;
use foldhost::reducer::ReducerDigest;
use foldhost::runtime::DecidedBy;
use foldhost::swap::{Deployed, DescriptorDifference, Finding, Findings, Report};

use crate::cli::output;

/// Digits of a digest that people tell it by.
const DIGITS: usize = 12;
/// Differences that are named; the others are in the report.
const DIFFERENCES_MAX: usize = 3;
