//! Comments that ask for findings to be left out: their text. What they reach is each language's own business.

use std::sync::Arc;

use probity_core::SuppressionStyle;
use probity_value::Span;
