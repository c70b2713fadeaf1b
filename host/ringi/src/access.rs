//! Who may ask the API for what: the operator's policies as the platform reads them, and the commands that show and change
//! roles.

use crate::cli::AccessCommand;
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::platform::settings::AccessSettings;
use crate::remote::{connect, of_client};
use ringi_access::Access;
use ringi_gateway::client::Client;
use ringi_gateway::peer::Proxies;
use ringi_gateway::{Config, model};
use ringi_primitives::id::{PersonId, WalletId};
use std::path::Path;
use std::sync::Arc;

/// The operator's own policies, in the data folder.
const FILE: &str = "access.cedar";

/// The gateway's settings, with the access policies of this folder held against their vocabulary.
///
/// # Errors
/// If the policies or the proxies are not in order; the platform does not start then.
pub fn config(folder: &Path, settings: &AccessSettings) -> Result<Config, Failure> {
    let path = settings.policies.as_ref().map_or_else(|| folder.join(FILE), |named| folder.join(named));
    let is_wanted = settings.policies.is_some() || path.exists();
    let own = is_wanted.then(|| std::fs::read_to_string(&path).map_err(|e| Failure::file(&path, &e))).transpose()?;
    let access = Access::new(own.as_deref()).map_err(|e| {
        let next = "correct the file; docs/access.md has the vocabulary and examples";
        Failure::new("cli.access", format!("{}: {e}", path.display()), next)
    })?;
    let proxies = Proxies::parse(&settings.proxies).map_err(|text| {
        let what = format!("[access] proxies: {text} is no address and no network");
        Failure::new("cli.access", what, "write addresses such as 10.0.0.7 and networks such as 10.0.0.0/24")
    })?;
    Ok(Config { access: Some(Arc::new(access)), proxies, ..Config::default() })
}

/// `ringi access …`.
///
/// # Errors
/// If the server does not answer or refuses.
pub async fn run(command: AccessCommand, output: Output) -> Done {
    match command {
        AccessCommand::Show { api } => {
            let (client, _) = connect(&api)?;
            let roles = client.access().await.map_err(of_client)?;
            output.show(&roles, |r| {
                let mut lines: Vec<String> = r.items.iter().map(line).collect();
                lines.push(format!("{} access policies of the operator's own", r.own_policies));
                lines.join("\n")
            });
        }
        AccessCommand::Grant { api, person, role } => {
            let (client, _) = connect(&api)?;
            let id = find(&client, &person).await?;
            let given = client.grant(id, &model::NewRole { role }).await.map_err(of_client)?;
            output.show(&given, line);
        }
        AccessCommand::Revoke { api, person } => {
            let (client, _) = connect(&api)?;
            let id = find(&client, &person).await?;
            let taken = client.revoke(id).await.map_err(of_client)?;
            output.show(&taken, line);
        }
        AccessCommand::Check(args) => {
            let (client, _) = connect(&args.api)?;
            let wallet = args.wallet.as_deref().map(str::parse::<WalletId>).transpose();
            let subject = match &args.subject {
                Some(name) => Some(find(&client, name).await?),
                None => None,
            };
            let question = model::AccessQuestion {
                person: find(&client, &args.person).await?,
                action: args.action,
                wallet: wallet.map_err(|e| Failure::new("cli.id", e, "copy the wallet's id from a listing"))?,
                vault: args.vault,
                subject,
                role: args.role,
                address: args.from,
                purpose: args.purpose,
            };
            let verdict = client.check_access(&question).await.map_err(of_client)?;
            output.show(&verdict, |v| {
                let by = if v.policies.is_empty() { "no policy".into() } else { v.policies.join(", ") };
                let verb = if v.allowed { "may" } else { "may NOT" };
                let role = v.role.as_deref().unwrap_or("no role");
                format!("{} ({role}) {verb} {} on {}: {} by {by}", v.person, v.action, v.resource, v.code)
            });
        }
    }
    Ok(())
}

/// The id of somebody who is named by id or by their one name.
async fn find(client: &Client, who: &str) -> Result<PersonId, Failure> {
    if let Ok(id) = who.parse() {
        return Ok(id);
    }
    let roles = client.access().await.map_err(of_client)?;
    let mut named = roles.items.iter().filter(|p| p.name.as_deref() == Some(who)).map(|p| p.person);
    match (named.next(), named.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => {
            let next = "look at ringi access show; a new person comes with a policy set";
            Err(Failure::new("cli.person", format!("nobody with a key is called {who}"), next))
        }
        (Some(_), Some(_)) => {
            let next = "name them by id: ringi access show lists it";
            Err(Failure::new("cli.person", format!("several people are called {who}"), next))
        }
    }
}

fn line(person: &model::PersonRole) -> String {
    let name = person.name.as_deref().unwrap_or("(no key)");
    let by = person.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
    format!("{} {name}: {}{by}", person.person, person.role.as_deref().unwrap_or("no role"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_starts_only_with_policies_that_hold() {
        let folder = tempfile::tempdir().unwrap();
        let with = |settings: &AccessSettings| config(folder.path(), settings).map(|c| c.access.unwrap().own());
        let code = |settings: &AccessSettings| with(settings).err().map(|f| f.code);
        let none = AccessSettings::default();
        assert_eq!(with(&none).unwrap(), 0);
        let write = |text: &str| std::fs::write(folder.path().join(FILE), text).unwrap();
        write("@id(\"closed\") forbid (principal, action, resource in Vault::\"x\");");
        assert_eq!(with(&none).unwrap(), 1);
        write("forbid (principal, action == Action::\"pay\", resource);");
        assert_eq!(code(&none).as_deref(), Some("cli.access"));
        let missing = AccessSettings { policies: Some("elsewhere.cedar".into()), ..none.clone() };
        assert_eq!(code(&missing).as_deref(), Some("cli.file"), "policies that are named and missing open nothing");
        write("");
        let proxies = AccessSettings { proxies: vec!["everybody".into()], ..none };
        assert_eq!(code(&proxies).as_deref(), Some("cli.access"));
    }
}
