use std::collections::HashSet;

use super::*;

#[test]
fn the_table_is_read_whole_and_in_order() {
    let models = read(TABLE).unwrap();
    assert!(models.len() > 1000, "{}", models.len());
    assert!(models.is_sorted_by_key(|row| row.provider));
    let mut seen = HashSet::new();
    for row in &models {
        let known = ProviderKind::from_name(row.provider).map(ProviderKind::as_str);
        assert_eq!(known, Some(row.provider), "{}", row.id);
        assert!(seen.insert((row.provider, row.id)), "{} twice", row.id);
        assert!(row.price.rates.input >= Usd::default() && row.price.rates.output >= Usd::default(), "{}", row.id);
        assert!(row.price.tiers.is_sorted_by_key(|tier| tier.above_input_tokens), "{}", row.id);
        assert!(row.id.len() <= NAME_BYTES_MAX);
    }
}

#[test]
fn every_catalogue_has_rows_and_a_row_is_found_by_its_name() {
    for kind in ProviderKind::ALL {
        for own in catalogues(*kind) {
            assert!(!of_provider(own).is_empty(), "{own}");
        }
    }
    for row in all() {
        let found = find(ProviderKind::from_name(row.provider).unwrap(), row.id).map(|found| found.id);
        // Fine-tuned models have names of their own, which begin so.
        if !row.id.starts_with("ft:") {
            assert_eq!(found, Some(row.id), "{}", row.provider);
        }
    }
}

#[test]
fn a_model_is_found_by_the_names_that_callers_send() {
    for (kind, asked, id) in [
        ("openai", "gpt-4o", Some("gpt-4o")),
        ("openai", "GPT-4o-mini", Some("gpt-4o-mini")),
        ("openai", "gpt-4o-2024-08-06", Some("gpt-4o")),
        ("openai", "gpt-4o-2024-05-13", Some("gpt-4o-2024-05-13")),
        ("openai", "gpt-4o-20240513", Some("gpt-4o-2024-05-13")),
        ("openai", "text-embedding-3-small", Some("text-embedding-3-small")),
        ("openai", "gpt-unheard-of", None),
        ("openai", "", None),
        ("anthropic", "claude-sonnet-4-5-20250929", Some("claude-sonnet-4-5")),
        ("anthropic", "claude-3-5-haiku-latest", Some("claude-3-5-haiku-latest")),
        ("gemini", "models/gemini-2.5-pro", Some("gemini-2.5-pro")),
        ("vertex-ai", "google/gemini-2.5-pro", Some("gemini-2.5-pro")),
        ("vertex-ai", "claude-sonnet-4-5@20250929", Some("claude-sonnet-4-5")),
        ("azure", "gpt-4o-mini", Some("gpt-4o-mini")),
        (
            "bedrock",
            "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
            Some("us.anthropic.claude-3-7-sonnet-20250219-v1:0"),
        ),
        ("groq", "llama-3.3-70b-versatile", Some("llama-3.3-70b-versatile")),
        ("huggingface", "openai/gpt-oss-120b", Some("openai/gpt-oss-120b")),
        ("huggingface", "openai/gpt-oss-120b:groq", Some("openai/gpt-oss-120b")),
        ("fireworks", "accounts/fireworks/models/deepseek-v3p2", Some("accounts/fireworks/models/deepseek-v3p2")),
        ("openrouter", "anthropic/claude-sonnet-4.5", Some("anthropic/claude-sonnet-4.5")),
        ("custom", "gpt-4o", None),
        ("deepinfra", "gpt-4o", None),
    ] {
        let found = find(ProviderKind::from_name(kind).unwrap(), asked);
        assert_eq!(found.map(|row| row.id), id, "{kind} {asked}");
    }
    assert!(find(ProviderKind::OpenAi, &"gpt-4o".repeat(100)).is_none());
}

#[test]
fn prices_are_those_of_the_source() {
    // <https://platform.openai.com/docs/pricing> and <https://www.anthropic.com/pricing>, by way of the data set.
    for (kind, model, input, output, cached) in [
        ("openai", "gpt-4o", "2.50", "10.00", Some("1.25")),
        ("openai", "gpt-4o-mini", "0.15", "0.60", Some("0.075")),
        ("openai", "text-embedding-3-small", "0.02", "0.00", None),
        ("anthropic", "claude-sonnet-4-5", "3.00", "15.00", Some("0.30")),
    ] {
        let rates = find(ProviderKind::from_name(kind).unwrap(), model).unwrap().price.rates;
        assert_eq!(
            (rates.input.to_string(), rates.output.to_string()),
            (input.to_owned(), output.to_owned()),
            "{model}"
        );
        assert_eq!(rates.cached.map(|rate| rate.to_string()).as_deref(), cached, "{model}");
    }
}

#[test]
fn a_long_request_costs_what_its_tier_says() {
    let price = &find(ProviderKind::Anthropic, "claude-sonnet-4-5").unwrap().price;
    for (tokens, input) in [(0, "3.00"), (200_000, "3.00"), (200_001, "6.00"), (u64::MAX, "6.00")] {
        assert_eq!(price.rates_at(tokens, ServiceTier::Standard).input.to_string(), input, "{tokens}");
    }
}

#[test]
fn a_service_tier_costs_what_is_listed_and_never_too_little() {
    let price = |kind, model| &find(kind, model).unwrap().price;
    for (kind, model, service, input, output, cached) in [
        (ProviderKind::OpenAi, "gpt-4o", ServiceTier::Priority, "4.25", "17.00", Some("2.125")),
        (ProviderKind::OpenAi, "gpt-5", ServiceTier::Flex, "0.625", "5.00", Some("0.0625")),
        // Not listed: two and a half times, and no discount.
        (ProviderKind::OpenAi, "gpt-4", ServiceTier::Priority, "75.00", "150.00", None),
        (ProviderKind::OpenAi, "gpt-4", ServiceTier::Flex, "30.00", "60.00", None),
        (ProviderKind::Anthropic, "claude-sonnet-4-5", ServiceTier::Batch, "1.50", "7.50", Some("0.15")),
    ] {
        let rates = price(kind, model).rates_at(1, service);
        let told = (rates.input.to_string(), rates.output.to_string(), rates.cached.map(|rate| rate.to_string()));
        assert_eq!(told, (input.to_owned(), output.to_owned(), cached.map(str::to_owned)), "{model} {service:?}");
    }
    // Past a length every rate keeps its proportion.
    let long = price(ProviderKind::Anthropic, "claude-sonnet-4-5").rates_at(300_000, ServiceTier::Batch);
    assert_eq!((long.input.to_string(), long.output.to_string()), ("3.00".to_owned(), "11.25".to_owned()));
}

#[test]
fn the_longest_answer_of_the_common_models_is_known() {
    for (kind, model, tokens) in [
        (ProviderKind::OpenAi, "gpt-4o", 16_384),
        (ProviderKind::OpenAi, "gpt-5", 128_000),
        (ProviderKind::Anthropic, "claude-sonnet-4-5", 64_000),
        (ProviderKind::Gemini, "gemini-2.5-pro", 65_536),
    ] {
        assert_eq!(find(kind, model).unwrap().price.output_tokens_max, Some(tokens), "{model}");
    }
    let known = all().iter().filter(|row| row.price.output_tokens_max.is_some()).count();
    assert!(known > 300, "{known}");
}
