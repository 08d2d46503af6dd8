"""Words and codes that mean the same at every provider, in the order in which they are tried.

Words are matched without case against one line: the refusal's sentences, then `| code:…`, `param:…`, `loc:…`.
`[^|]` keeps a match inside the sentences. Sources: the providers' error references and recorded answers.
"""

from inference_service.failures import FailureKind, Scope
from inference_service.providers.kit.dialect import Sign
from inference_service.quotas import DAY, HOUR, MINUTE, MONTH, Clock, LimitFact, Unit

K = FailureKind
REQUEST = (200, 400, 403, 404, 415, 422, 500)
MODEL_REST = 3 * DAY  # a model that a plan does not include; a person may change the plan

# Access refused: to the credential, its account, this region, this model. Checked before every limit and model sign.
ACCESS: tuple[Sign, ...] = (
    Sign(K.BLOCKED, r"location is not supported|not (available|supported) in your (country|region|location)"
         r"|country, region, or territory|unsupported_country|your network settings|error code: ?10(?!15)\d\d|just a moment"
         r"|attention required|ip address[^|]{0,40}(blocked|banned|not allowed)|(country|region)[^|]{0,30}not supported"
         r"|free tier is not available in", (400, 401, 403, 429, 451, 503)),
    Sign(K.FORBIDDEN, r"organization_restricted|organization has been restricted|consumer_suspended|account_deactivated"
         r"|(account|organi[sz]ation|project|user|consumer)[^|]{0,50}(suspended|banned|deactivated|denied access)"
         r"|bind your [^|]{0,30}account|access_terminated", (400, 401, 402, 403), Scope.GROUP, HOUR),
    Sign(K.MODEL_FORBIDDEN, r"limit: 0(?![\d.])|quota:0\b", (429,), Scope.GROUP_MODEL, MODEL_REST),
    Sign(K.MODEL_FORBIDDEN, r"model_permission_blocked|model_terms_required|terms acceptance|action plan limited"
         r"|not allowed to (access|use) (this |the )?model|not have (access|permission) [^|]{0,40}model|must be verified|sign in to use this model|paid_model"
         r""
         r"|no (access|permission) (to|for) (this |the )?model|not authorized[^|]{0,40}model|requires? a (paid|pro\b|subscription)"
         r"|requires? [^|]{0,20}(subscription|paid plan)|upgrade for access|not available on (your|the|workers|this) "
         r"[^|]{0,20}(plan|free|tier)|not found for account|function in account|plan does not include|code:(5016|5018|3041)\b"
         r"|guardrail|user is not allowed", (400, 401, 402, 403, 404), None, DAY),
    Sign(K.FORBIDDEN, r"sufficient permissions|insufficient[_ ](permissions?|scope)|missing [^|]{0,30}(scope|permission)"
         r"|lacks? [^|]{0,40}(scope|permission)", (401, 403), None, HOUR),
    Sign(K.UNAUTHENTICATED, r"invalid[_ ]api[_ ]?key|wrong[_ ]api[_ ]?key|api_key_invalid|api_key_service_blocked"
         r"|service_disabled|requests to this api [^|]{0,80}blocked|api[_ ]?key[^|]{0,40}(not valid|expired|invalid|incorrect"
         r"|revoked|disabled|leaked|not found|missing)|(incorrect|expired|revoked|missing|no) api[_ ]?key|reported as leaked"
         r"|invalid api token|invalid access token|authentication (error|failed|required)|not authenticated|no auth credentials"
         r"|missing (or invalid )?auth|invalid[_ ]authentication|code:authentication(_error)?\b|bad credentials",
         (400, 401, 403, 404, 422)),
    Sign(K.UNAUTHENTICATED, r"(invalid|expired|incorrect|bad) (token|credentials?|key|username)|token is (invalid|expired)"
         r"|authorization failed|user not found", (401, 403)),
)  # fmt: skip

# The vendor's own load, whatever the status. It is nobody's quota.
OVERLOAD: tuple[Sign, ...] = (
    Sign(K.OVERLOADED, r"rate-limited upstream|queue_exceeded|param:queue|high (demand|traffic)|over ?capacity|at capacity"
         r"|capacity (is )?(temporarily )?exceeded|overloaded|no ?capacity|temporarily unable to process|queue (is )?full"
         r"|error code: ?1015|model (is )?(too |currently )?busy"
         r"|servers? (is|are) (currently )?(too )?busy|no available (provider|channel|worker)|no deployments? available"
         r"|request limit reached \(|maximum capacity|degraded function"
         r"|provider_overloaded|service tier capacity|no instances? available",
         (200, 400, 408, 424, 429, 498, 500, 502, 503, 504, 524, 529)),
    Sign(K.OVERLOADED, r"provider returned error", (408, 429, 502, 503, 524, 529)),
    Sign(K.LOADING, r"(model|weights)[^|]{0,80}(is |being |currently )loading|loading model|estimated_time", (500, 503, 504)),
)  # fmt: skip

# Words that only one provider uses. They count everywhere, because gateways pass refusals on.
VENDORS: tuple[Sign, ...] = (
    Sign(K.QUOTA_EXHAUSTED, r"generate\w*perday\w*perproject", (429,), Scope.GROUP_MODEL, None, LimitFact(Unit.REQUESTS, DAY, Clock.PACIFIC)),
    Sign(K.QUOTA_EXHAUSTED, r"free-models-per-day", (429,), Scope.GROUP, None, LimitFact(Unit.REQUESTS, DAY, Clock.WALL)),
    Sign(K.RATE_LIMITED, r"free-models-per-min", (429,), Scope.GROUP, None, LimitFact(Unit.REQUESTS, MINUTE)),
    Sign(K.QUOTA_EXHAUSTED, r"trial key[^|]{0,60}api calls ?/ ?month", (429,), Scope.GROUP, None, LimitFact(Unit.REQUESTS, MONTH, Clock.WALL)),
    Sign(K.RATE_LIMITED, r"trial key[^|]{0,60}api calls ?/ ?minute", (429,), Scope.GROUP, None, LimitFact(Unit.REQUESTS, MINUTE, Clock.ROLLING)),
    Sign(K.QUOTA_EXHAUSTED, r"daily free allocation", (400, 429), Scope.GROUP, None, LimitFact(Unit.MONEY, DAY, Clock.WALL)),
    Sign(K.QUOTA_EXHAUSTED, r"monthly included credits", (402, 403, 429), Scope.GROUP, None, LimitFact(Unit.MONEY, MONTH, Clock.WALL)),
    Sign(K.QUOTA_EXHAUSTED, r"session usage limit", (429,), Scope.GROUP, None, LimitFact(Unit.REQUESTS, 5 * HOUR, Clock.FIRST_USE)),
    Sign(K.QUOTA_EXHAUSTED, r"weekly usage limit", (429,), Scope.GROUP, None, LimitFact(Unit.REQUESTS, 7 * DAY, Clock.FIRST_USE)),
    Sign(K.QUOTA_EXHAUSTED, r"tokens per day limit exceeded", (429,), None, None, LimitFact(Unit.TOKENS, DAY, Clock.WALL)),
    Sign(K.QUOTA_EXHAUSTED, r"requests per day limit exceeded", (429,), None, None, LimitFact(Unit.REQUESTS, DAY, Clock.WALL)),
    Sign(K.RATE_LIMITED, r"tokens per hour limit exceeded", (429,), None, None, LimitFact(Unit.TOKENS, HOUR, Clock.WALL)),
    Sign(K.RATE_LIMITED, r"requests per hour limit exceeded", (429,), None, None, LimitFact(Unit.REQUESTS, HOUR, Clock.WALL)),
)  # fmt: skip

PREFILL: tuple[Sign, ...] = (
    Sign(K.PREFILL_REFUSED, r"assistant (message|response) prefill|must end with a user|expected last role|continue_final_message"
         r"|add_generation_prompt|prefill is (incompatible|not supported)|requests? ends? with a user|roles must alternate"
         r"|last message (of [\w./-]+ )?(must|should|has to|needs to) be [^|]{0,40}(user|tool)", (400, 422, 500)),
)  # fmt: skip

# What this request used and the model cannot do. Counts only if the request used it.
CAPABILITIES: tuple[Sign, ...] = (
    Sign(K.UNSUPPORTED, r"audio input|input_audio|audio (content|modality)[^|]{0,30}not", REQUEST, capability="audio"),
    Sign(K.UNSUPPORTED, r"support(s)? image input|image (input )?(modality )?(is |are )?not (enabled|supported)|does(n't| not) support "
         r"(image|vision|picture|multi-?modal|visual)|not support (image|vision|multi-?modal)|content must be a string"
         r"|'array' not in 'string'|content[^|]{0,60}value must be a string|required for image input|image_url|images? (inputs?|content)?\s?(is|are) not (supported|enabled)"
         r"|image input is not|not a (vision|multi-?modal)|vision (is )?(not|un)|mmproj|cannot (process|read|see) images"
         r"|at most 0 image|requested (input )?modalit|only supports? text|content[^|]{0,20}input should be a valid string|input should be a valid string[^|]*\|.*loc:[\w.]*content"
         r"|failed to deserialize[^|]{0,80}content|expected one of: \['str'\], got list|not a vlm|text-only prompts", REQUEST, capability="vision"),
    Sign(K.REFUSED, r"can handle the requested parameters|requested output modalit|no endpoints found that support (?!tool|the )", (400, 404)),
    Sign(K.REFUSED, r"tool_use_failed|json_validate_failed|tool choice is none", (200, 400)),
    Sign(K.UNSUPPORTED, r"tool_choice'? value|support (this|the provided|the requested) ['`\"]?tool_choice|param:tool_choice", REQUEST,
         capability="tool_choice"),
    Sign(K.UNSUPPORTED, r"support(s)? tool|tool[ _-]?call(ing|s)? (is|are) not|tools? (is|are) not (supported|enabled)"
         r"|function[ _]call(ing|s)? (is|are) not|enable-auto-tool-choice|does(n't| not) support (tool|function)", REQUEST,
         capability="tools"),
    Sign(K.UNSUPPORTED, r"developer instruction is not enabled|system (role|messages?|prompts?|instructions?) (is |are )?not (supported|"
         r"enabled|allowed)|system role not supported|(does(n't| not) support|no) system (role|message|prompt|instruction)"
         r"|system message must be|roles must alternate|system_instruction", REQUEST, capability="system"),
)  # fmt: skip

# What is wrong in this request for any model of this kind: an invalid schema, a wrong order of turns, a damaged picture.
SHAPE: tuple[Sign, ...] = (
    Sign(K.BAD_REQUEST, r"thought_signature|tool call id was|tool_calls['\"`]? must be followed|unexpected role|message_order"
         r"|reasoning_content[^|]{0,60}must be passed|function_declarations|tool schema|invalid_function_parameters"
         r"|invalid data for image|code:invalid_image|code:image_|code:unsupported_image|image exceeds|process (the )?input image"
         r"|too many images", (200, 400, 404, 413, 415, 422)),
)  # fmt: skip

LIMITED_FIELD: tuple[Sign, ...] = (
    Sign(K.FIELD_REFUSED, r"max_(completion_)?tokens['\"`]?( or [^|]{0,40})? is too large|fewer max_tokens|max_tokens: \d+ >"
         r"|max_(completion_)?tokens['\"`]? (value[^|]{0,20}valid range|must|should|cannot|is limited)|maximum allowed number of output tokens"
         r"|max_new_tokens['\"`]? must be <= \d+\. given: \d+$|max_new_tokens['\"`]? must be <= \d+\. given: \d+ [|;]"
         r"|code:max_tokens_exceeded|decrease input length or", (400, 402, 416, 422), field="sampling.max_tokens"),
    Sign(K.FIELD_REFUSED, r"(thinking|reasoning)( level| budget| effort| mode)?( \w+)? (is |are )?not (supported|enabled)"
         r"|does(n't| not) support (thinking|reasoning)\b(?! mode)|invalid reasoning", (400, 422), field="sampling.reasoning_effort"),
    Sign(K.FIELD_REFUSED, r"only supports single tool-calls", (400,), field="parallel_tool_calls"),
    Sign(K.FIELD_REFUSED, r"code:InvalidSize\b", (400,), field="size"),
    Sign(K.FIELD_REFUSED, r"code:TooManySteps\b", (400,), field="steps"),
)  # fmt: skip

# The size and the content of this request.
CONTENT: tuple[Sign, ...] = (
    Sign(K.CONTEXT_TOO_LONG, r"context[_ ](length|window|size)|maximum (context|prompt|input)|max_model_len|tokens_limit_reached"
         r"|(prompt|input) is too long|too many (input )?tokens|exceeds? [^|]{0,60}(tokens|context)|input token count"
         r"|reduce the length|request (body |entity )?too large|too large for model|(token|size) limit exceeded"
         r"|maximum supported sequence length|max_seq_len|range of input length|model token limit|tokens, max \d+|request is too large"
         r"|code:(payload_too_large|token_limit_exceeded|string_too_long|max_tokens_exceeded|prompt_too_long)|number of input and"
         r"|total number of tokens in the prompt", (200, 400, 413, 422, 500)),
    Sign(K.CONTENT_REFUSED, r"content[_ ](filter|policy|management|moderation|violation|blocked)|moderation|safety (system|filter|polic"
         r"|setting)|flagged|responsibleai|nsfw|prohibited[_ ]content|usage polic|data_inspection_failed|inappropriate content"
         r"|your text contains|appears to violate|considered high risk|content exists risk|corruptprompt|unsafe content|sensitive (content|words?)|敏感"
         r"|code:(refusal|content_policy_violation|sensitive)\b", (200, 400, 403, 422, 451)),
)  # fmt: skip

# The model itself, in the provider's own words.
MODEL: tuple[Sign, ...] = (
    Sign(K.RETIRED, r"end of life|decommissioned|(has|have) been (deprecated|removed|retired|discontinued)|was removed on"
         r"|no longer (available|supported|offered|served)|unavailable for free|\bretired\b|retirement|sunset|brownout"
         r"|free period ended|model disabled|discontinued", (400, 403, 404, 410, 429, 503)),
    Sign(K.MODEL_NOT_FOUND, r"model_not_found|unknown_model|unavailable_model|model_not_supported|model_not_available|invalid_model"
         r"|unknown model|not a valid model|no such model|invalid model|no endpoints found for|models?/[^|]{1,100} is not found"
         r"|model[^|]{0,120}(does not exist|doesn't exist|not exist|not found|not available|unavailable)"
         r"|model ['\"`]?[\w./:@-]+['\"`]? (is )?not supported|not supported by any provider|has no provider supported|code:not_found(_error)?\b[^|]*model|^model: [^|]*\|[^|]*not_found"
         r"|not found the model|deployment[^|]{0,60}does not exist|non-serverless model"
         r"|code:UnsupportedModel\b", (400, 401, 403, 404, 422)),
)  # fmt: skip
