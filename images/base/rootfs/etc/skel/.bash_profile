# Login shells (ssh) behave like the editor's terminals.
[ -f ~/.bashrc ] && . ~/.bashrc
