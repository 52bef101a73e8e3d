package other

import data.lib

deny contains msg if {
	input.a
	msg := lib.shout("x")
}
