# Detached, the machine goes on as if nothing had been, breakpoints and all.
break ended
break doubled
continue
# want: Breakpoint 2, doubled
detach
# want: detached
# status: 7
# guest: target: 1500608, 2 and 1
