//! One trace across three services: the shop asks the stock, the stock asks the store, and every
//! line that any of them logs says to which trace it belongs. Brings its own server.

use dunlin::service::{Endpoint, Service};
use dunlin::trace::TraceContext;
use dunlin::{Client, Message};
use dunlin_server::Server;
use tracing::{info, info_span};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_writer(std::io::stdout)
        .init();
    let server = Server::builder().port(0).start().await?;
    let mut services = Vec::new();
    for (name, next) in [
        ("shop", Some("stock")),
        ("stock", Some("store")),
        ("store", None),
    ] {
        let client = dunlin::connect(server.url()).await?;
        let (service, endpoint) = serve(&client, name).await?;
        services.push(service);
        tokio::spawn(answer(client, endpoint, next));
    }
    let client = dunlin::connect(server.url()).await?;
    let root = TraceContext::root();
    let span = info_span!("order", trace_id = %root.trace_id());
    let ordering = client.request("shop", "two cups");
    let answer = root.scope(span, ordering).await?;
    let way = String::from_utf8_lossy(&answer.payload).into_owned();
    println!("{way}");
    // Each step knew the same trace.
    let steps = way.matches(&root.trace_id()).count();
    assert_eq!(steps, 3);
    server.shutdown().await;
    Ok(())
}

async fn serve(
    client: &Client,
    name: &str,
) -> Result<(Service, Endpoint), dunlin::service::ServiceError> {
    let service = client.service_builder().start(name, "1.0.0").await?;
    let endpoint = service.endpoint(name).await?;
    Ok((service, endpoint))
}

async fn answer(client: Client, mut endpoint: Endpoint, next: Option<&str>) {
    while let Some(request) = endpoint.next().await {
        let message = request.message.clone();
        let work = async {
            let own = step(&message);
            info!("asked for {:?}", message.payload);
            let rest = match next {
                Some(next) => client.request(next, &message.payload).await,
                None => return request.respond(Ok(own)).await,
            };
            let rest = rest.map(|answer| String::from_utf8_lossy(&answer.payload).into_owned());
            let failed = |error| dunlin::service::Error::new(502, error);
            let answer = rest.map(|rest| format!("{own}, {rest}")).map_err(failed);
            request.respond(answer).await
        };
        let _ = message.traced(work).await; // Whoever asked may have gone.
    }
}

/// Where this is in which trace.
fn step(message: &Message) -> String {
    let trace = TraceContext::current().map(TraceContext::trace_id);
    format!("{} in {}", message.subject, trace.unwrap_or_default())
}
