//! How the program is used, in its traditional words.

use crate::options::{Action, Connector, Options};

/// The whole text for what the options ask about.
pub(crate) fn text(options: &Options) -> String {
    let specific = match (options.action, options.connector) {
        (Some(Action::Migrate), _) | (_, Some(Connector::Migration)) => "-m -p {check | pre} -s <stream_id>",
        (_, Some(Connector::Hibernation)) => "-m -p {check | pre} -s <stream_id> -n <self-arp secs>",
        (_, Some(Connector::Port)) => "-c port {-a | -r | -Q} -s drc_name",
        (_, Some(Connector::Slot)) => "-c slot {-a | -r | -Q} -s <drc_name | drc_index>",
        (_, Some(Connector::Phb)) => "-c phb [-Q | -r | -a] -s <drc_name | drc_index>",
        (_, Some(Connector::Pci)) => "-c pci -s <drc_name | drc_index> {-i | -a [-I] | -r [-I] | -R [-I]}",
        (_, Some(Connector::Memory)) => {
            "-c mem {-a | -r} {-q <quantity> -p {variable_weight | ent_capacity} | {-q <quantity> | -s <drc_index>}}"
        }
        (_, Some(Connector::Cpu)) => {
            "-c cpu {-a | -r} {-q <quantity> -p {variable_weight | ent_capacity} [-s drc_name | drc_index]"
        }
        (_, Some(Connector::Accelerator)) => "-c acc -t <accelType> -q <QoS_credit_count>",
        (_, None) => {
            "{-c {port | slot | phb | pci | mem | cpu | acc} | -m}\n\
             For more information on the specific options for the various\n\
             connector types, run drmgr -c <type> -h"
        }
    };
    format!("Usage: drmgr [-w minutes] [-d detail_level] [-C | --capabilities] [-h | --help]\n{specific}\n")
}
