-- How many read topics on other nodes. KEYS: readers, this node's own. ARGV: topics.
-- Answers two strings for each: all, and those of this node.
local answer = {}
for n, topic in ipairs(ARGV) do
  answer[2 * n - 1] = redis.call('HGET', KEYS[1], topic) or ''
  answer[2 * n] = redis.call('HGET', KEYS[2], topic) or ''
end
return answer
