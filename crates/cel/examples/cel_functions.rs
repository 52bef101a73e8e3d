//! Prints the page of the documentation that lists all functions.

#![expect(clippy::print_stdout, reason = "that is its job")]

fn main() {
    print!("{}", probity_cel::libraries::reference::markdown());
}
