//! Auth: the lists of users that a transcript can ask for, for both servers.
//!
//! In: a name. Out: the same rules as a block of a configuration file and as options of ours.

use std::time::Duration;

use dunlin_server::{Authorization, ConnectionType, Permissions, Responses, User};

/// A list of users.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Auth {
    /// A token: `t0ken`.
    Token,
    /// One user and password: `solo`, `s3cret`.
    Single,
    /// Passwords in the open: `a`, `b`; and one that is a hash: `hashed`, `pass`.
    Users,
    /// As `Users`; who brings nothing is `g`, who may only hear `a` and say `b`.
    Guest,
    /// The users of the permission scenes.
    Permissions,
    /// A timeout that a test can wait for.
    Hurried,
    /// `page` by WebSocket, `program` by TCP, `both`; each is its own password.
    Ways,
}

impl Auth {
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        Ok(match name {
            "token" => Self::Token,
            "single" => Self::Single,
            "users" => Self::Users,
            "guest" => Self::Guest,
            "permissions" => Self::Permissions,
            "hurried" => Self::Hurried,
            "ways" => Self::Ways,
            _ => return Err(format!("unknown list of users: {name}")),
        })
    }

    /// As nats-server reads it.
    pub(crate) fn config(self) -> &'static str {
        match self {
            Self::Token => "authorization { token: t0ken }",
            Self::Single => "authorization { user: solo, password: s3cret }",
            Self::Ways => WAYS,
            Self::Users => USERS,
            Self::Guest => GUEST,
            Self::Permissions => PERMISSIONS,
            Self::Hurried => "authorization { user: solo, password: s3cret, timeout: 0.2 }",
        }
    }

    /// As ours is told.
    pub(crate) fn authorization(self) -> Authorization {
        let new = Authorization::new();
        match self {
            Self::Token => new.token("t0ken"),
            Self::Single => new.user_and_password("solo", "s3cret"),
            Self::Hurried => new
                .user_and_password("solo", "s3cret")
                .timeout(Duration::from_millis(200)),
            Self::Ways => new
                .user(User::new("page", "page").connection_types([ConnectionType::Websocket]))
                .user(User::new("program", "program").connection_types([ConnectionType::Standard]))
                .user(User::new("both", "both")),
            Self::Users => users(new),
            Self::Guest => {
                let may = Permissions::new()
                    .allow_publish(["b"])
                    .allow_subscribe(["a"]);
                users(new)
                    .user(User::new("g", "g").permissions(may))
                    .no_auth_user("g")
            }
            Self::Permissions => permissions(new),
        }
    }
}

/// `pass`, as cheaply as bcrypt can.
const HASH: &str = "$2a$04$AY19iUOe1XMIvyxE22Cy/.Ndy4vxA8vy7.ijnuyMKIQN6ikT.oQia";

const WAYS: &str = r#"authorization { users [
    {user: page, password: page, connection_types: [WEBSOCKET]}
    {user: program, password: program, connection_types: [STANDARD]}
    {user: both, password: both}
] }"#;

const USERS: &str = r#"authorization { users [
    {user: a, password: a}, {user: b, password: b}
    {user: hashed, password: "$2a$04$AY19iUOe1XMIvyxE22Cy/.Ndy4vxA8vy7.ijnuyMKIQN6ikT.oQia"}
    {user: web, password: web, allowed_connection_types: [WEBSOCKET]}
    {user: plain, password: plain, allowed_connection_types: [STANDARD]}
] }"#;

fn users(authorization: Authorization) -> Authorization {
    let only = |kind, name| User::new(name, name).connection_types([kind]);
    authorization
        .user(User::new("a", "a"))
        .user(User::new("b", "b"))
        .user(User::new("hashed", HASH))
        .user(only(ConnectionType::Websocket, "web"))
        .user(only(ConnectionType::Standard, "plain"))
}

const GUEST: &str = r#"authorization { users [
    {user: a, password: a}, {user: b, password: b}
    {user: g, password: g, permissions: {publish: b, subscribe: a}}
] }
no_auth_user: g"#;

const PERMISSIONS: &str = r#"authorization {
    default_permissions: { publish: "open.>", subscribe: ["open.>", "_INBOX.>"] }
    users [
        {user: admin, password: admin, permissions: {}}
        {user: plain, password: plain}
        {user: lists, password: lists, permissions: {
            publish: {allow: ["p.*", "p.deep.>"], deny: "p.no"}
            subscribe: {
                allow: ["s.*", "s.q v1", "s.r v.*", "d.*", "e.>"]
                deny: ["d.no", "d.q g", "e.*.no"]
            }
        }}
        {user: mute, password: mute, permissions: {publish: {deny: ">"}}}
        {user: closed, password: closed, permissions: {publish: {allow: []}, subscribe: {allow: []}}}
        {user: once, password: once, permissions: {subscribe: ">", allow_responses: true}}
        {user: twice, password: twice, permissions: {
            publish: "open", subscribe: ">", allow_responses: {max: 2, expires: "1m"}
        }}
    ]
}"#;

fn permissions(authorization: Authorization) -> Authorization {
    let open = Permissions::new()
        .allow_publish(["open.>"])
        .allow_subscribe(["open.>", "_INBOX.>"]);
    let lists = Permissions::new()
        .allow_publish(["p.*", "p.deep.>"])
        .deny_publish(["p.no"])
        .allow_subscribe(["s.*", "s.q v1", "s.r v.*", "d.*", "e.>"])
        .deny_subscribe(["d.no", "d.q g", "e.*.no"]);
    let closed = Permissions::new()
        .allow_publish([""; 0])
        .allow_subscribe([""; 0]);
    let answers = Permissions::new().allow_subscribe([">"]);
    let twice = Responses {
        max: Some(2),
        expires: Some(Duration::from_secs(60)),
    };
    let user = |name: &str, permissions| User::new(name, name).permissions(permissions);
    authorization
        .default_permissions(open)
        .user(user("admin", Permissions::new()))
        .user(User::new("plain", "plain"))
        .user(user("lists", lists))
        .user(user("mute", Permissions::new().deny_publish([">"])))
        .user(user("closed", closed))
        .user(user(
            "once",
            answers.clone().allow_responses(Responses::default()),
        ))
        .user(user(
            "twice",
            answers.allow_publish(["open"]).allow_responses(twice),
        ))
}
