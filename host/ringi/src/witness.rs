//! `ringi witness`: its configuration, its key, and rounds until Ctrl-C.

use crate::failure::{Done, Failure};
use crate::keys::SecretKey;
use crate::output::Output;
use crate::{form, log, up};
use ringi_primitives::fact::Fact;
use ringi_witness::{Config, Report, Witness, WitnessError};
use std::path::Path;
use std::sync::Arc;

/// How often it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// Until it is told to stop.
    Many,
    /// Once.
    One,
}

/// Runs it.
///
/// # Errors
/// If the configuration or a file that it names cannot be used; of one round, if nothing could be stated.
pub async fn serve(config: &Path, rounds: Rounds, output: Output) -> Done {
    let folder = config.parent().unwrap_or(Path::new(""));
    let config: Config = form::read(config)?;
    let key = Arc::new(SecretKey::load(&folder.join(&config.key))?);
    let roots = config.roots.as_ref().map(|path| read(&folder.join(path))).transpose()?;
    let prices = config.prices.iter().cloned().map(|mut price| {
        price.file = price.file.map(|file| folder.join(file));
        price
    });
    let config = Config { prices: prices.collect(), ..config };
    let public = key.public();
    let witness = Witness::new(config, key, roots.as_deref()).map_err(|e| failed(&e))?;
    if rounds == Rounds::One {
        return once(&witness, output).await;
    }
    log::start(&folder.join("witness.log.json"), "info")?;
    output.show(&serde_json::json!({"witness": public}), |_| {
        format!("witness {} is at work, every {} s; stop it with Ctrl-C", public.text(), witness.interval_s())
    });
    ringi_witness::serve(&witness, up::stop_signal()?).await;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| Failure::file(path, &e))
}

async fn once(witness: &Witness, output: Output) -> Done {
    let report = witness.round().await;
    output.show(&view(&report), |_| {
        let sent = report.sent.iter().map(|f| said(&f.statement.fact));
        let failed = report.failures.iter().map(|(what, e)| format!("{what}: {e} ({})", e.code()));
        sent.chain(failed).collect::<Vec<_>>().join("\n")
    });
    match report.failures.into_iter().next() {
        Some((_, error)) if report.sent.is_empty() => Err(failed(&error)),
        _ => Ok(()),
    }
}

fn view(report: &Report) -> serde_json::Value {
    let failure =
        |(what, e): &(String, WitnessError)| serde_json::json!({"what": what, "code": e.code(), "why": e.to_string()});
    let failures: Vec<_> = report.failures.iter().map(failure).collect();
    let sent: Vec<_> = report.sent.iter().map(|f| said(&f.statement.fact)).collect();
    serde_json::json!({"sent": sent, "failures": failures})
}

fn said(fact: &Fact) -> String {
    match fact {
        Fact::Price { asset, price } => {
            let dollars = price.to_decimal(ringi_primitives::fact::PRICE_DECIMALS);
            format!("price of {} is {dollars}", named(asset))
        }
        Fact::Balance { wallet, asset, amount } => format!("{} holds {amount} of {}", wallet.wallet, named(asset)),
        Fact::Final { intent, .. } => format!("{intent} is final"),
    }
}

fn named(asset: &ringi_primitives::asset::AssetKey) -> String {
    match asset.token {
        None => asset.network.to_string(),
        Some(token) => format!("{} token 0x{}", asset.network, hex::encode(token.raw())),
    }
}

fn failed(error: &WitnessError) -> Failure {
    let next = "correct the configuration, or look at the source; docs/witnesses.md says what it takes";
    Failure::new(error.code(), error, next)
}
