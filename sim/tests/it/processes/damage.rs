//! Folders that are damaged, old or full: a clear code, nothing lost, nothing signed twice.

use super::life::{self, Life, Payment};
use ringi::demo::anvil::Anvil;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn records(folder: &Path, cosigner: u8) -> std::path::PathBuf {
    folder.join(format!("cosigners/{cosigner}/records"))
}

fn alter(folder: &Path, cosigner: u8, change: impl FnOnce(&mut Vec<u8>)) {
    let path = records(folder, cosigner);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

fn with_node(test: impl AsyncFnOnce(Anvil)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { test(Anvil::start(&life::anvil()).await.unwrap()).await });
}

#[test]
fn b1_a_cosigner_with_damaged_records_stays_away_and_admins_let_the_others_resume() {
    with_node(async |anvil| {
        let mut life = Life::found(&anvil).await;
        life.carry_out(&anvil, &Payment::of(1)).await;
        life.restart(|folder| alter(folder, 3, |bytes| bytes[30_000] ^= 0x40)).await;
        assert!(life.output().contains("records.corrupt"), "{}", life.output());
        life.audit_says(3, "records.corrupt").await;
        // Each of the others needs both its peers' grant: nobody can sign.
        let cosigners = life.client().cosigners().await.unwrap().items;
        assert_eq!(
            cosigners.iter().map(|c| (c.connected, c.ready)).collect::<Vec<_>>(),
            [(true, false), (true, false), (false, false)]
        );
        let waiting = life.submit(&Payment::of(2)).await;
        assert!(waiting.transaction.is_none(), "{waiting:?}");
        let boots = cosigners.iter().filter_map(|c| c.boot_key).collect();
        let resumed = life.resume(boots).await;
        assert!(resumed.in_force && resumed.acknowledged == 2, "{resumed:?}");
        // Requests say their second, and the resume's own second is before it.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        // What was asked for before is void; what is asked for now meets an exhausted window.
        let before = life.submit(&Payment::of(2)).await;
        assert_eq!((before.status.as_str(), before.transaction.is_none()), ("rejected", true), "{before:?}");
        let after = life.submit(&Payment::of(3)).await;
        let error = after.error.clone().unwrap();
        assert_eq!((after.status.as_str(), error.detail.as_str()), ("rejected", "payments"), "{after:?}");
        life.check(&anvil, 1).await;
    });
}

#[test]
fn b1_an_old_or_foreign_blob_signs_nothing_while_peers_remember() {
    with_node(async |anvil| {
        let mut life = Life::found(&anvil).await;
        let old = std::fs::read(records(life.folder(), 3)).unwrap();
        for number in 1..=4 {
            life.carry_out(&anvil, &Payment::of(number)).await;
        }
        // Only cosigner 3 is started again, from its old records.
        let path = records(life.folder(), 3);
        life.kill_cosigner(2);
        std::fs::write(path, old).unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let third = life.client().cosigners().await.unwrap().items.remove(2);
        assert!(!third.ready, "{third:?}");
        for number in 5..=7 {
            life.carry_out(&anvil, &Payment::of(number)).await;
            life.check(&anvil, number).await;
        }
        life.audit_says(3, "boot.rolled_back").await;
        // Started once more, its memory is not whole again.
        life.kill_cosigner(2);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let third = life.client().cosigners().await.unwrap().items.remove(2);
        assert_eq!((third.ready, third.refusal.as_deref()), (false, Some("boot.rolled_back")), "{third:?}");
        life.carry_out(&anvil, &Payment::of(8)).await;
        life.check(&anvil, 8).await;
    });
}

/// Needs to mount a file system: as root; elsewhere it says so and checks nothing.
#[test]
fn a_full_disk_stops_and_loses_nothing() {
    with_node(async |anvil| {
        let Some(disk) = Disk::mount() else {
            eprintln!("SKIPPED: a small file system can be mounted by root only");
            return;
        };
        let mut life = Life::found_in(&anvil, disk.folder()).await;
        life.carry_out(&anvil, &Payment::of(1)).await;
        let filler = disk.fill();
        let stuck = life.try_submit(&Payment::of(2)).await;
        assert!(stuck.is_none_or(|t| t.transaction.is_none()), "signed on a full disk");
        std::fs::remove_file(filler).unwrap();
        life.carry_out(&anvil, &Payment::of(2)).await;
        life.check(&anvil, 2).await;
    });
}

/// The disk of one cosigner's records is full: it signs nothing, the others go on, and with room again it takes part.
#[test]
fn a_full_disk_of_one_cosigner_stops_that_one() {
    with_node(async |anvil| {
        let mut life = Life::found(&anvil).await;
        life.carry_out(&anvil, &Payment::of(1)).await;
        let mut disk = None;
        life.restart(|folder| disk = Disk::mount_over(&folder.join("cosigners/3"))).await;
        let Some(disk) = disk else {
            eprintln!("SKIPPED: a small file system can be mounted by root only");
            return;
        };
        life.carry_out(&anvil, &Payment::of(2)).await;
        let filler = disk.fill();
        // Which two sign is the platform's choice: sooner or later the third is one of them.
        let mut paid = 2;
        while !life.audit_has(3, "records.disk_full").await {
            paid += 1;
            assert!(paid < 20, "{}", life.log());
            life.carry_out(&anvil, &Payment::of(paid)).await;
        }
        life.carry_out(&anvil, &Payment::of(paid + 1)).await;
        std::fs::remove_file(filler).unwrap();
        // Without the first: the third must sign.
        let began = std::time::Instant::now();
        while !life.client().cosigners().await.unwrap().items[2].ready {
            assert!(began.elapsed() < Duration::from_secs(60), "{}", life.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        life.kill_cosigner(0);
        life.carry_out(&anvil, &Payment::of(paid + 2)).await;
        life.check(&anvil, paid + 2).await;
    });
}

/// A small file system, unmounted when dropped.
struct Disk {
    folder: std::path::PathBuf,
    _own: Option<tempfile::TempDir>,
}

impl Disk {
    fn mount() -> Option<Disk> {
        let own = tempfile::tempdir().unwrap();
        let mut disk = Disk::mount_over(own.path())?;
        disk._own = Some(own);
        Some(disk)
    }

    /// In the place of this folder, with its files.
    fn mount_over(folder: &Path) -> Option<Disk> {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let files: Vec<_> = files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs"]).arg(folder);
        let mounted = mount.output().is_ok_and(|done| done.status.success());
        let disk = mounted.then(|| Disk { folder: folder.to_owned(), _own: None })?;
        for (path, bytes) in files {
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        Some(disk)
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes until nothing more fits.
    fn fill(&self) -> std::path::PathBuf {
        use std::io::Write as _;
        let path = self.folder.join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        for size in [1 << 16, 1 << 10, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}
