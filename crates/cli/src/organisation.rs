//! `modelhub organisation`: accounts that several people publish for, and who they are.

use clap::{Args, Subcommand, ValueEnum};
use registry::Handle;

use crate::account::more;
use crate::client::segment;
use crate::place::Connection;
use crate::screen::{Align, Screen, Table};

/// Organisations: accounts that several people publish for, each in a role.
///
/// A reader sees and calls what is private; a writer commits, publishes and reads the weights; an admin decides about
/// settings, terms, members, transfers, and about the organisation's keys, which spend its money.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  modelhub organisation create acme
  modelhub organisation list")]
pub(crate) enum Organisation {
    Create(Create),
    List(List),
    Members(Members),
    Add(Set),
    Role(Set),
    Remove(Remove),
}

/// Makes an organisation; you are its first admin.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub organisation create acme
  modelhub organisation add acme bob --role writer
  modelhub key create --organisation acme --scope call --max-day 5")]
pub(crate) struct Create {
    #[arg(value_name = "ORGANISATION")]
    organisation: Handle,
    #[command(flatten)]
    connection: Connection,
}

/// Lists the organisations you are a member of.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub organisation list")]
pub(crate) struct List {
    #[command(flatten)]
    connection: Connection,
}

/// Lists who belongs to an organisation of yours.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub organisation members acme")]
pub(crate) struct Members {
    #[arg(value_name = "ORGANISATION")]
    organisation: Handle,
    /// Where the last list ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Takes somebody in, or gives a member another role.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub organisation add acme bob --role writer
  modelhub organisation role acme bob --role reader")]
pub(crate) struct Set {
    #[arg(value_name = "ORGANISATION")]
    organisation: Handle,
    #[arg(value_name = "ACCOUNT")]
    account: Handle,
    /// What they may do
    #[arg(long, default_value = "reader")]
    role: Role,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    Reader,
    Writer,
    Admin,
}

/// Takes a member out, at once for all their keys; or yourself.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub organisation remove acme bob")]
pub(crate) struct Remove {
    #[arg(value_name = "ORGANISATION")]
    organisation: Handle,
    #[arg(value_name = "ACCOUNT")]
    account: Handle,
    #[command(flatten)]
    connection: Connection,
}

const PATH: &str = "/api/v1/organisations";

impl Organisation {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        match self {
            Organisation::Create(Create { organisation, connection }) => {
                let new = api::NewOrganisation { handle: organisation.to_string() };
                let made: api::Organisation = connection.open()?.post(PATH, &new)?;
                screen.show(&made, || format!("made {}; you are its {}", made.handle, made.role))
            }
            Organisation::List(List { connection }) => {
                let organisations: api::Organisations = connection.open()?.get(PATH)?;
                screen.show(&organisations, || {
                    let mut table = Table::new([("organisation", Align::Left), ("you are", Align::Left)]);
                    for item in &organisations.items {
                        table.row([item.handle.clone(), item.role.clone()]);
                    }
                    if table.is_empty() { "you are a member of none".to_owned() } else { table.to_string() }
                })
            }
            Organisation::Members(members) => members.run(screen),
            Organisation::Add(set) | Organisation::Role(set) => set.run(screen),
            Organisation::Remove(Remove { organisation, account, connection }) => {
                let removed: api::RemovedMember = connection.open()?.delete(&member(&organisation, &account))?;
                screen.show(&removed, || format!("{} is no member of {organisation} any more", removed.handle))
            }
        }
    }
}

impl Members {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let cursor = self.cursor.as_deref().map(|cursor| format!("?cursor={}", segment(cursor)));
        let path = format!("{PATH}/{}/members{}", self.organisation, cursor.unwrap_or_default());
        let members: api::Members = self.connection.open()?.get(&path)?;
        screen.show(&members, || {
            let mut table = Table::new([("account", Align::Left), ("role", Align::Left), ("since", Align::Left)]);
            for member in &members.items {
                table.row([member.handle.clone(), member.role.clone(), member.since.clone()]);
            }
            match table.is_empty() {
                true => "nobody yet; its own key takes members in".to_owned(),
                false => format!("{table}{}", more(members.next.as_deref())),
            }
        })
    }
}

impl Set {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let role = match self.role {
            Role::Reader => "reader",
            Role::Writer => "writer",
            Role::Admin => "admin",
        };
        let wanted = api::SetMember { role: role.to_owned() };
        let path = member(&self.organisation, &self.account);
        let set: api::Member = self.connection.open()?.put(&path, &wanted)?;
        screen.show(&set, || format!("{} is {} of {} now", set.handle, set.role, self.organisation))
    }
}

fn member(organisation: &Handle, account: &Handle) -> String {
    format!("{PATH}/{organisation}/members/{account}")
}
