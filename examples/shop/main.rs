//! Two services and their customers: users register and log in, orders are made and paid for, all
//! through the bus. Each service runs twice; requests go to whichever instance is free, and nobody
//! knows an address: who is there is found by asking. Brings its own server.

use std::time::Duration;

use dunlin::Client;
use dunlin::service::Discovery;
use dunlin_server::Server;

mod orders;
mod users;
mod words;

use words::{Account, Failed, Login, Order, Paid, Payment, Placed, Session};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().port(0).start().await?;
    // The instances of a service share what they know, as a database would have it.
    let (accounts, book) = (users::Accounts::default(), orders::Book::default());
    let mut services = Vec::new();
    for _ in 0..2 {
        let client = dunlin::connect(server.url()).await?;
        services.push(users::start(&client, accounts.clone()).await?);
        services.push(orders::start(&client, book.clone()).await?);
    }
    let client = dunlin::connect(server.url()).await?;
    let quick = Discovery::new().wait(Duration::from_secs(2), Duration::from_millis(100));
    for service in quick.info(&client).await? {
        let subjects: Vec<_> = service.endpoints.iter().map(|one| &*one.subject).collect();
        println!(
            "{} {}: {}",
            service.name,
            service.version,
            subjects.join(" ")
        );
    }
    for number in 0..20 {
        buy(&client, &format!("customer {number}")).await?;
    }
    refusals(&client).await?;
    let mut paid = 0;
    for instance in quick.stats(&client).await? {
        let requests: u64 = instance.endpoints.iter().map(|one| one.requests).sum();
        println!("{} {}: {requests} requests", instance.name, instance.id);
        let pays = instance.endpoints.iter().find(|one| one.name == "pay");
        paid += pays.map_or(0, |one| one.requests);
    }
    assert!(paid >= 20, "{paid} paid");
    for service in services {
        service.stop().await?;
    }
    server.shutdown().await;
    Ok(())
}

/// From the first greeting to the receipt.
async fn buy(client: &Client, name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let account = Account {
        name: name.to_owned(),
        password: format!("secret of {name}"),
    };
    let () = words::ask(client, "users.register", &account).await?;
    let session: Session = words::ask(client, "users.login", &Login::of(&account)).await?;
    let order = Order {
        token: session.token.clone(),
        what: "two cups".to_owned(),
        cents: 1990,
    };
    let placed: Placed = words::ask(client, "orders.place", &order).await?;
    let payment = Payment {
        token: session.token,
        order: placed.order,
        cents: 1990,
    };
    let paid: Paid = words::ask(client, "orders.pay", &payment).await?;
    println!(
        "{name}: order {} paid, receipt {}",
        placed.order, paid.receipt
    );
    Ok(())
}

/// What must not be possible, is not.
async fn refusals(client: &Client) -> Result<(), Box<dyn std::error::Error>> {
    let stranger = Login {
        name: "customer 1".to_owned(),
        password: "a guess".to_owned(),
    };
    let refused = words::ask::<_, Session>(client, "users.login", &stranger).await;
    assert!(matches!(refused, Err(Failed::Refused(error)) if error.code == 401));
    let order = Order {
        token: "made up".to_owned(),
        what: "gold".to_owned(),
        cents: 1,
    };
    let refused = words::ask::<_, Placed>(client, "orders.place", &order).await;
    assert!(matches!(refused, Err(Failed::Refused(error)) if error.code == 401));
    Ok(())
}
