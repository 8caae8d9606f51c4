//! A chat: what you type goes to everybody in the room, what they type comes to you.
//!
//! `chat NAME [ROOM] [URL]`; several of them at once make a conversation. Needs a server, on port
//! 4222 unless told otherwise. Ends with its input.

use std::env;
use std::io::{self, BufRead};

use dunlin::blocking;
use dunlin::{ConnectOptions, Event};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "somebody".to_owned());
    let room = arguments.next().unwrap_or_else(|| "lobby".to_owned());
    let url = arguments.next();
    let url = url.unwrap_or_else(|| "nats://localhost:4222".to_owned());
    // What one types oneself need not come back.
    let options = ConnectOptions::new().name(&name).no_echo();
    let client = options.connect_blocking(url)?;
    let heard = client.subscribe(format!("chat.{room}.*"))?;
    std::thread::spawn(|| hear(heard));
    let events = client.events();
    std::thread::spawn(|| tell(events));
    let own = format!("chat.{room}.{name}");
    client.publish(&own, "(comes in)")?;
    for line in io::stdin().lock().lines() {
        client.publish(&own, line?)?;
    }
    client.publish(&own, "(leaves)")?;
    client.drain()?;
    Ok(())
}

fn hear(messages: blocking::Subscriber) {
    for message in messages {
        let name = message.subject.rsplit('.').next().unwrap_or_default();
        println!("{name}: {}", String::from_utf8_lossy(&message.payload));
    }
}

fn tell(events: blocking::Events) {
    for event in events {
        if event != Event::Closed {
            eprintln!("({event})");
        }
    }
}
