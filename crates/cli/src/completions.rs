//! `modelhub completions`: what makes a shell complete our commands.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use crate::Cli;
use crate::screen::Screen;

/// Prints a script with which a shell completes commands and flags.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  source <(modelhub completions bash)                                          in ~/.bashrc
  modelhub completions zsh > ~/.zfunc/_modelhub                                a folder of $fpath
  modelhub completions fish > ~/.config/fish/completions/modelhub.fish
  modelhub completions powershell | Out-String | Invoke-Expression             in $PROFILE")]
pub(crate) struct Completions {
    /// For which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "modelhub", &mut script);
        let script = String::from_utf8(script)?;
        screen.show(&json!({ "shell": self.shell.to_string(), "script": script }), || script.clone())
    }
}
