//! SurrealKV: a key in every transaction, a table for it when the store is closed, and one table for two when it is opened again.

use surrealkv::{Durability, Options, Transaction, Tree, TreeBuilder};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn open() -> Result<Tree, surrealkv::Error> {
    let mut options = Options::new();
    options.level0_max_files = 2;
    TreeBuilder::with_options(options).with_path("data".into()).build()
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

/// Lets the store compact what it has, then puts the first key that is not there yet.
async fn put() -> Outcome<()> {
    let store = open()?;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
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
    for _ in 0..3 {
        put().await?;
    }
    Ok(())
}
