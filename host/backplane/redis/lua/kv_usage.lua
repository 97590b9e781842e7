-- needs: common, values
-- Returns how many bytes a namespace holds, as text.
return int(space(ARGV[1]).bytes)
