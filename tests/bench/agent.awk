# Of what agent-in-guest has noted: one line a write of so many bytes to the kernel (-v bytes=0x1b), in milliseconds of the guest. No
# apostrophes here: the guest gets this in some.
# -v what=bare       the write
# -v what=removal    from the request of the console to the write, the write, from there to the answer
# -v what=migration  from the request of the console to the write, and from its end until the neighbours are told, until the console is
#                    called, and until that hears "resumed"
function took(from, to) { return sprintf("%.1f", (to - from) * 1000) }
{ thread = $1; at = $2; call = $3 }
# TCP is read without flags, the other part with some.
call ~ /^sys_recv\(/ { is_tcp[thread] = / flags: 0\)$/ }
call == "sys_recv" && length($5) <= 6 && is_tcp[thread] { heard = at }
call ~ /^sys_write\(/ && $0 ~ (" count: " substr(bytes, 3) "\\)$") { writer = thread; began = at; asked = heard }
call == "sys_write" && thread == writer && $5 == bytes {
    ended = at
    sent = told = called = 0
    if (what == "bare") print took(began, ended)
}
call ~ /^sys_sendto\(/ && thread == writer && ended && !told { told = at }
call ~ /^sys_connect\(/ && ended { called = at; sent = 0 }
call ~ /^sys_send\(/ && / flags: 4000\)$/ && ended { sent++ }
# "done", the answer
what == "removal" && ended && sent == 2 { print took(asked, began), took(began, ended), took(ended, at); ended = 0 }
# Two messages of TLS, "hello", "resumed"
what == "migration" && called && sent == 4 {
    print took(asked, began), took(ended, told), took(ended, called), took(ended, at)
    ended = called = 0
}
