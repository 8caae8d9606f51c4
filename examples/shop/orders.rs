//! The service of the orders: what was ordered, and whether it is paid for. It asks the service of
//! the users whose token it is shown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dunlin::Client;
use dunlin::service::{Endpoint, Error, Service, ServiceError};

use crate::users::{read, write};
use crate::words::{self, Failed, Order, Paid, Payment, Placed, Session, Whose};

/// What all instances know.
#[derive(Debug, Clone, Default)]
pub struct Book(Arc<Mutex<HashMap<u64, Entry>>>);

#[derive(Debug)]
struct Entry {
    name: String,
    cents: u64,
    is_paid: bool,
}

pub async fn start(client: &Client, book: Book) -> Result<Service, ServiceError> {
    let builder = client.service_builder().description("orders and payments");
    let service = builder.start("orders", "1.0.0").await?;
    let orders = service.group("orders");
    let place = orders.endpoint("place").await?;
    tokio::spawn(placing(place, client.clone(), book.clone()));
    let pay = orders.endpoint("pay").await?;
    tokio::spawn(paying(pay, client.clone(), book));
    Ok(service)
}

async fn placing(mut requests: Endpoint, client: Client, book: Book) {
    while let Some(request) = requests.next().await {
        let answer = place(&client, &book, &request.message.payload).await;
        let _ = request.respond(answer).await; // Whoever asked may have gone.
    }
}

async fn place(client: &Client, book: &Book, payload: &[u8]) -> Result<String, Error> {
    let order: Order = read(payload)?;
    let name = whose(client, order.token).await?;
    let entry = Entry {
        name,
        cents: order.cents,
        is_paid: false,
    };
    let mut book = book.0.lock().unwrap_or_else(PoisonError::into_inner);
    let number = book.len() as u64 + 1;
    book.insert(number, entry);
    Ok(write(&Placed { order: number }))
}

async fn paying(mut requests: Endpoint, client: Client, book: Book) {
    while let Some(request) = requests.next().await {
        let answer = pay(&client, &book, &request.message.payload).await;
        let _ = request.respond(answer).await; // Whoever asked may have gone.
    }
}

async fn pay(client: &Client, book: &Book, payload: &[u8]) -> Result<String, Error> {
    let payment: Payment = read(payload)?;
    let name = whose(client, payment.token).await?;
    let mut book = book.0.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = book.get_mut(&payment.order);
    let entry = entry.filter(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| Error::new(404, "no such order"))?;
    if entry.is_paid || entry.cents != payment.cents {
        return Err(Error::new(409, "paid already, or not that much"));
    }
    entry.is_paid = true;
    let receipt = format!("{}-{}", payment.order, entry.cents);
    Ok(write(&Paid { receipt }))
}

/// Asks the other service.
async fn whose(client: &Client, token: String) -> Result<String, Error> {
    let session = Session { token };
    match words::ask::<_, Whose>(client, "users.whose", &session).await {
        Ok(whose) => Ok(whose.name),
        Err(Failed::Refused(error)) => Err(error),
        Err(error) => Err(Error::new(503, error)),
    }
}
