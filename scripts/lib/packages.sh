# shellcheck shell=bash
# What apt can bring, and the exact words for everyone else.

# apt_commands PACKAGE…: prints what a person would type.
apt_commands() {
  case " $* " in *" postgresql"*)
    say "  sudo mkdir -p /etc/postgresql-common/createcluster.d"
    say "  echo 'create_main_cluster = false' | sudo tee /etc/postgresql-common/createcluster.d/tenancy.conf"
    ;;
  esac
  say "  sudo apt-get update"
  say "  sudo apt-get install -y --no-install-recommends $*"
}

# apt_install [--sudo] PACKAGE…: installs without starting any system service.
apt_install() {
  local as='' dropin='' log="$STATE/apt.log"
  if [ "$1" = --sudo ]; then
    is_root || as=sudo
    shift
  fi
  if ! has apt-get; then
    warn "needed, and there is no apt-get here to bring it: $*"
    is_linux || warn "with Homebrew: brew install postgresql@17 redis pgbouncer openjdk@21 maven"
    return 1
  fi
  if ! is_root && { [ -z "$as" ] || ! has sudo; }; then
    {
      say "needed: $*. Run as root:"
      apt_commands "$@" | sed 's/sudo //g'
    } >&2
    return 1
  fi
  say "installing $*"
  mkdir -p "$STATE"
  # Debian starts a "main" cluster with the server package unless it is told not to.
  case " $* " in *" postgresql"*)
    dropin=/etc/postgresql-common/createcluster.d/tenancy.conf
    $as mkdir -p "${dropin%/*}"
    echo 'create_main_cluster = false' | $as tee "$dropin" >/dev/null
    ;;
  esac
  local outcome=0
  apt_try "$as" "$log" "$@" || {
    $as env DEBIAN_FRONTEND=noninteractive apt-get update -qq >>"$log" 2>&1
    apt_try "$as" "$log" "$@"
  } || outcome=1
  [ -z "$dropin" ] || $as rm -f "$dropin"
  [ "$outcome" = 0 ] || {
    warn "apt-get could not install $*; the end of $log:"
    tail -n 15 "$log" >&2
  }
  return "$outcome"
}

apt_try() {
  local as=$1 log=$2
  shift 2
  $as env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
    install -y -qq --no-install-recommends "$@" </dev/null >>"$log" 2>&1 9>&-
}

# first_package PATTERN MINIMUM: the newest available package whose number is high enough.
first_package() {
  local found
  found=$(newest_package "$1" "$2")
  if [ -z "$found" ] && is_root; then
    apt-get update -qq >/dev/null 2>&1 || true
    found=$(newest_package "$1" "$2")
  fi
  [ -n "$found" ] && echo "$found"
}

newest_package() {
  apt-cache search --names-only "^$1\$" 2>/dev/null | cut -d' ' -f1 |
    sed 's/^\([^0-9]*\)\([0-9]*\)/\2 &/' | sort -rn | awk -v min="$2" '$1 >= min && !seen++ { print $2 }'
}

# need_linker: cargo cannot link without a C compiler.
need_linker() { has cc || apt_install "$@" gcc libc6-dev; }

# need_rust: cargo on PATH, and the toolchain that this workspace pins.
need_rust() {
  has cargo || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  has cargo || die "no Rust toolchain found: install one from https://rustup.rs, then run this again"
  local words
  words=$(cd "$ROOT" && cargo --version 2>&1) ||
    die "the pinned Rust toolchain does not start: $words"
}
