//! SurrealKV: a key in every transaction, and a table for it when the store is closed.

use surrealkv::{Durability, Transaction, Tree, TreeBuilder};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn open() -> Result<Tree, surrealkv::Error> {
    TreeBuilder::new().with_path("data".into()).build()
}

/// The value of a key that the program writes, if it is there.
fn value(transaction: &Transaction, number: usize) -> Outcome<Option<String>> {
    let value = transaction.get(format!("key {number}").as_str())?;
    Ok(value.map(String::from_utf8).transpose()?)
}

fn recover() -> Outcome<()> {
    let transaction = open()?.begin()?;
    for number in 1..=9 {
        if let Some(value) = value(&transaction, number)? {
            println!("{value}");
        }
    }
    Ok(())
}

/// Puts the first key that is not there yet, and closes the store, which makes a table of what it has in memory.
async fn put() -> Outcome<()> {
    let store = open()?;
    let mut transaction = store.begin()?.with_durability(Durability::Immediate);
    let mut number = 1;
    while value(&transaction, number)?.is_some() {
        number += 1;
    }
    transaction.set(format!("key {number}").as_str(), format!("value {number}").as_str())?;
    transaction.commit().await?;
    println!("ok {number}");
    drop(transaction);
    Ok(store.close().await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    if std::env::args().nth(1).is_some_and(|argument| argument == "recover") {
        return recover();
    }
    put().await?;
    put().await
}
