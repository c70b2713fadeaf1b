//! `ringi policy plan|drafts|review|approve|apply|discard`: a change from a file to force, over the platform's API.
//!
//! The platform keeps drafts and signatures. What an admin is shown and signs is rebuilt here from the document's bytes and the
//! set in force with its admins' signatures; of the host's words only who drafted it and the transfers of the past remain.

use super::preview::{InForce, in_force, replay, text as preview_text};
use super::tools::{finding, load_after, shown_change};
use crate::cli::{ApiArgs, DraftedArgs, PlanArgs, PolicyChangeCommand};
use crate::documents;
use crate::failure::{Done, Failure};
use crate::fresh;
use crate::output::Output;
use crate::remote::{connect, installed, of_client};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_gateway::client::Client;
use ringi_gateway::model;
use ringi_policy_tools::diff::{Change, diff};
use ringi_policy_tools::lint::{Finding, lint};
use ringi_policy_tools::preview::Preview;
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::limits;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::signed::Signed;
use serde::Serialize;

/// Takes one step of a change.
///
/// # Errors
/// If a file makes no sense, the server does not answer or refuses, or what it serves is not what it is named.
pub async fn run(command: PolicyChangeCommand, output: Output) -> Done {
    match command {
        PolicyChangeCommand::Plan(args) => plan(&args, output).await,
        PolicyChangeCommand::Drafts { api } => list(&api, output).await,
        PolicyChangeCommand::Review(args) => {
            let (_, review, _) = rebuild(&args).await?;
            output.show(&review, Review::text);
            Ok(())
        }
        PolicyChangeCommand::ApproveDraft(args) => approve(&args, output).await,
        PolicyChangeCommand::Apply { api, draft } => {
            let (client, _) = connect(&api)?;
            installed(&client.publish_policy_draft(id(&draft)?).await.map_err(of_client)?, output)
        }
        PolicyChangeCommand::Discard { api, draft } => {
            let (client, _) = connect(&api)?;
            let last = client.discard_policy_draft(id(&draft)?).await.map_err(of_client)?;
            output.show(&last, |d| format!("discarded: {}", line(d)));
            Ok(())
        }
    }
}

fn id(text: &str) -> Result<Digest, Failure> {
    Digest::from_hex(text).ok_or_else(|| {
        Failure::new("cli.digest", format!("{text} is no draft's id"), "copy it from `ringi policy drafts`")
    })
}

/// What a draft is, as rebuilt here.
#[derive(Clone, Debug, Serialize)]
struct Review {
    /// The document's digest: what admins sign.
    id: Digest,
    sequence: u64,
    /// `open`, `ready` or `stale`.
    state: &'static str,
    /// Admins whose signature verifies.
    signed_by: Vec<String>,
    quorum: u32,
    findings: Vec<Finding>,
    changes: Vec<Change>,
    /// Of transfers as the host shows them.
    preview: Preview,
}

impl Review {
    async fn of(
        client: &Client,
        chain: &GenesisChain,
        now: &InForce,
        draft: (&Signed, &PolicySet),
        last: u32,
    ) -> Result<Review, Failure> {
        let ((signed, set), head) = (draft, chain.head());
        let is_admin = |p: &_, k: &_| head.admins.iter().any(|a| a.id == *p && a.key == *k);
        let people = signed.verified_people(Domain::PolicySet, is_admin);
        let follows = set.previous == Some(now.digest) && now.set.sequence.checked_add(1) == Some(set.sequence);
        let complete = head.quorum_signed(signed, Domain::PolicySet);
        Ok(Review {
            id: signed.digest(Domain::PolicySet),
            sequence: set.sequence,
            state: match (follows, complete) {
                (false, _) => "stale",
                (true, false) => "open",
                (true, true) => "ready",
            },
            signed_by: head.admins.iter().filter(|a| people.contains(&a.id)).map(|a| a.name.clone()).collect(),
            quorum: head.admin_quorum,
            findings: lint(set, fresh::now_whole_s()),
            changes: diff(&now.set, set),
            preview: replay(client, &now.set, set, last).await?,
        })
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("draft {} (sequence {})", self.id, self.sequence)];
        lines.extend(self.findings.iter().map(finding));
        match self.changes.as_slice() {
            [] => lines.push("no change".into()),
            changes => lines.extend(changes.iter().map(shown_change)),
        }
        lines.extend(preview_text(&self.preview));
        let names = if self.signed_by.is_empty() { "nobody".into() } else { self.signed_by.join(", ") };
        lines.push(format!("{}: {} of {} admins signed: {names}", self.state, self.signed_by.len(), self.quorum));
        lines.join("\n")
    }
}

/// `ringi policy plan`: makes the draft that follows from a file, and says what it changes.
async fn plan(args: &PlanArgs, output: Output) -> Done {
    let (client, _) = connect(&args.api)?;
    let (_, chain) = documents::read_genesis(&args.genesis)?;
    let now = in_force(&client, &chain).await?;
    let set = load_after(&args.file, &chain, &now)?;
    let signed = Signed { body: cbor::encode(&set), signatures: vec![] };
    let review = Review::of(&client, &chain, &now, (&signed, &set), args.last).await?;
    client.draft_policy(&signed).await.map_err(of_client)?;
    output.show(&review, |r| {
        let next = format!("next: a quorum of admins runs `ringi policy approve {} --key KEY --genesis FILE`", r.id);
        format!("{}\n{next}", r.text())
    });
    Ok(())
}

/// `ringi policy drafts`: as the host lists them.
async fn list(api: &ApiArgs, output: Output) -> Done {
    let (client, _) = connect(api)?;
    let drafts = client.policy_drafts().await.map_err(of_client)?;
    output.show(&drafts, |l| match l.items.as_slice() {
        [] => "no drafts".to_string(),
        items => items.iter().map(line).collect::<Vec<_>>().join("\n"),
    });
    Ok(())
}

fn line(draft: &model::PolicyDraft) -> String {
    let (id, state, k, n) = (draft.id, &draft.state, draft.signatures.len(), draft.quorum);
    let by = draft.drafted_by_name.clone().unwrap_or_else(|| draft.drafted_by.to_string());
    format!("{id} sequence {}, by {by} at {}: {state}, {k} of {n} signed", draft.sequence, draft.drafted_at)
}

/// Fetches a draft's document and rebuilds everything else. Also gives who asks, and the document.
async fn rebuild(args: &DraftedArgs) -> Result<(Asking, Review, Signed), Failure> {
    let (client, key) = connect(&args.api)?;
    let (_, chain) = documents::read_genesis(&args.genesis)?;
    let id = id(&args.draft)?;
    let now = in_force(&client, &chain).await?;
    let served = client.policy_draft(id).await.map_err(of_client)?;
    let signed = read(&served.document, id)?;
    let set = super::sound(&signed, &chain)?;
    let review = Review::of(&client, &chain, &now, (&signed, &set), args.last).await?;
    Ok((Asking { client, key, chain }, review, signed))
}

/// The document that the host serves under an id, if it is that document.
fn read(text: &str, id: Digest) -> Result<Signed, Failure> {
    let wrong = |what: &str| Failure::new("cli.draft", what, "do not sign it; ask the operator");
    let bytes = STANDARD.decode(text).map_err(|_| wrong("the draft is no base64"))?;
    let signed: Signed =
        cbor::decode(&bytes, limits::POLICY_BYTES * 2).map_err(|_| wrong("the draft is no document"))?;
    if signed.digest(Domain::PolicySet) != id {
        return Err(wrong("the server shows another document under this id"));
    }
    Ok(signed)
}

/// Who asks, and in which workspace.
struct Asking {
    client: Client,
    key: std::sync::Arc<crate::keys::SecretKey>,
    chain: GenesisChain,
}

/// `ringi policy approve`: signs the very document that is shown.
async fn approve(args: &DraftedArgs, output: Output) -> Done {
    let (asking, review, signed) = rebuild(args).await?;
    if review.state == "stale" {
        let next = "plan the change anew: ringi policy plan FILE";
        return Err(Failure::new("draft.stale", "the draft does not follow the set in force", next));
    }
    let mut own = Signed { body: signed.body, signatures: vec![] };
    documents::add_signature(&mut own, Domain::PolicySet, &asking.key, asking.chain.head())?;
    let Some(signature) = own.signatures.first() else {
        return Err(Failure::new("cli.not_admin", "no signature was made", "use an admin's key"));
    };
    let after = asking.client.sign_policy_draft(review.id, signature).await.map_err(of_client)?;
    let value = serde_json::json!({ "review": review, "draft": after });
    output.show(&value, |_| format!("{}\nsigned: {}", review.text(), line(&after)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_document_under_an_id_is_refused() {
        let signed = Signed { body: vec![1], signatures: vec![] };
        let text = STANDARD.encode(cbor::encode(&signed));
        assert!(read(&text, signed.digest(Domain::PolicySet)).is_ok());
        for (text, id) in [(text.as_str(), Digest::ZERO), ("*", Digest::ZERO), ("AA==", Digest::ZERO)] {
            assert_eq!(read(text, id).unwrap_err().code, "cli.draft", "{text}");
        }
    }
}
