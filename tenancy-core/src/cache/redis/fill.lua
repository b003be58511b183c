-- Puts an entry, unless it has missed an invalidation; gives 1 when it is there.
-- KEYS[2] is the entry, KEYS[3] the last invalidation of its place. ARGV[3] and ARGV[4] are the
-- history when the value was loaded, ARGV[5] its tags, ARGV[6] its time in milliseconds, ARGV[7] it.
local e, n, a = history()
local mark = tonumber(ARGV[4])
if e ~= ARGV[3] or a > mark or last_of(ARGV[5]) > mark then return 0 end
local here = redis.pcall('GET', KEYS[3])
here = type(here) == 'string' and tonumber(here)
if here and here > mark and here <= n then return 0 end
redis.call('SET', KEYS[2], ARGV[5] .. '\n' .. ARGV[7], 'PX', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
