//! The table: every attack on every server, one at a time.

mod bystander;
mod cell;
mod liveness;
pub(crate) mod markdown;
mod memory;
pub(crate) mod options;
mod process;
mod report;
mod server;
pub(crate) mod strike;

use std::fs;

use self::cell::AttackRow;
use self::options::{RunOptions, ServerKind};
use crate::attacks::{ALL, Attack};

/// Prints the names of the attacks.
pub(crate) fn list() {
    for attack in ALL {
        println!("{:<26} {:?}: {}", attack.name, attack.face, attack.row);
    }
}

/// Runs the attacks that are wanted, and prints a row when it is there.
pub(crate) async fn run(options: &RunOptions) {
    let unknown = options
        .only
        .iter()
        .find(|name| ALL.iter().all(|attack| attack.name != name.as_str()));
    assert!(unknown.is_none(), "no attack is called {unknown:?}");
    let wanted: Vec<&Attack> = ALL
        .into_iter()
        .filter(|attack| {
            options.only.is_empty() || options.only.iter().any(|name| name == attack.name)
        })
        .collect();
    let mut rows: Vec<AttackRow> = Vec::new();
    let mut number = 0;
    for addresses in &options.addresses {
        println!("\nattackers on {addresses} addresses\n{}", report::head());
        for attack in &wanted {
            for round in 0..options.rounds {
                for kind in &options.servers {
                    number += 1;
                    let row = cell::run(options, attack, *kind, *addresses, number).await;
                    rows.push(row);
                    save(options, &rows);
                    if options.rounds > 1 {
                        eprintln!("{}, {kind:?}: round {} done", attack.name, round + 1);
                    }
                }
            }
            for kind in &options.servers {
                print(&rows, attack, *kind, *addresses);
            }
        }
    }
}

/// Prints the median row of an attack on a server.
fn print(rows: &[AttackRow], attack: &Attack, kind: ServerKind, addresses: usize) {
    let of = |kind: ServerKind| {
        let server = format!("{kind:?}").to_lowercase();
        let rounds: Vec<&AttackRow> = rows
            .iter()
            .filter(|row| {
                row.attack == attack.name && row.server == server && row.addresses == addresses
            })
            .collect();
        report::median(&rounds)
    };
    if let Some(row) = of(kind) {
        println!("{}", report::line(row, of(ServerKind::Constant)));
    }
}

fn save(options: &RunOptions, rows: &[AttackRow]) {
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(rows).unwrap()).unwrap();
    }
}
