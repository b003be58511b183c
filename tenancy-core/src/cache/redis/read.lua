-- Gives the history's name, its count, the last invalidation that concerns the entry, and the entry.
-- KEYS[2] is the entry: its tags, a line feed, and what was put there.
local e, n, floor = history()
local entry = redis.pcall('GET', KEYS[2])
if type(entry) ~= 'string' then return {e, n, floor, false} end
local tags, from = string.match(entry, '^([^\n]*)\n()')
if not tags then return {e, n, floor, entry} end
local last = last_of(tags)
if last > floor then floor = last end
return {e, n, floor, string.sub(entry, from)}
