/**
 * Functions of pg_catalog that people call by name, of PostgreSQL 18 and older. Those behind operators, types, indexes and
 * aggregates are left out: nobody writes their names.
 */
export const builtInFunctions: ReadonlySet<string> = new Set(
  `
  abbrev abs acos acosd acosh age any_value area array_agg array_append array_cat array_dims array_fill array_length
  array_lower array_ndims array_position array_positions array_prepend array_remove array_replace array_reverse
  array_sample array_shuffle array_sort array_to_json array_to_string array_upper ascii asind asinh atan atan2
  atan2d atand atanh avg bit_length bool_and bool_or bound_box btrim cardinality casefold cbrt ceil ceiling
  char_length character_length chr cidr clock_timestamp col_description concat concat_ws convert convert_from
  convert_to corr cos cosd cosh cot cotd count covar_pop covar_samp crc32 crc32c cume_dist current_database
  current_query current_schema current_schemas current_setting currval cursor_to_xml cursor_to_xmlschema
  database_to_xml database_to_xml_and_xmlschema database_to_xmlschema date date_add date_bin date_part date_subtract
  date_trunc datemultirange daterange decode degrees dense_rank diagonal diameter div encode erf erfc every exp
  extract factorial first_value floor format format_type gamma gcd gen_random_uuid generate_series
  generate_subscripts get_bit get_byte get_current_ts_config getdatabaseencoding has_any_column_privilege
  has_column_privilege has_database_privilege has_function_privilege has_schema_privilege has_sequence_privilege
  has_table_privilege height host hostmask icu_unicode_version in_range inet_client_addr inet_server_addr initcap
  is_normalized isclosed isempty isfinite ishorizontal isopen isparallel isperp isvertical json_agg
  json_array_elements json_array_elements_text json_array_length json_build_array json_build_object json_each
  json_each_text json_extract_path json_extract_path_text json_object json_object_agg json_object_keys
  json_populate_record json_strip_nulls json_to_record json_typeof jsonb_agg jsonb_array_elements
  jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
  jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys
  jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_populate_record jsonb_pretty jsonb_set jsonb_strip_nulls
  jsonb_to_record jsonb_typeof justify_days justify_hours justify_interval lag last_value lastval lcm lead left
  length lgamma ln log log10 lower lower_inc lower_inf lpad ltrim make_date make_interval make_time make_timestamp
  make_timestamptz masklen max md5 min min_scale mod mode multirange mxid_age netmask nextval normalize now npoints
  nth_value ntile num_nonnulls num_nulls nummultirange numnode numrange obj_description octet_length overlaps
  overlay parse_ident pclose percent_rank percentile_cont percentile_disc pg_backend_pid pg_cancel_backend
  pg_get_constraintdef pg_get_expr pg_get_functiondef pg_get_indexdef pg_get_ruledef pg_get_serial_sequence
  pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_has_role pg_relation_size pg_size_pretty pg_sleep
  pg_table_is_visible pg_table_size pg_terminate_backend pg_total_relation_size pg_typeof phraseto_tsquery pi
  plainto_tsquery popen position pow power query_to_xml query_to_xml_and_xmlschema query_to_xmlschema quote_ident
  quote_literal quote_nullable radians radius random random_normal rank regexp_count regexp_instr regexp_like
  regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat
  replace reverse right round row_number row_security_active row_to_json rpad rtrim scale schema_to_xml
  schema_to_xml_and_xmlschema schema_to_xmlschema set_bit set_byte set_config set_masklen setseed setval setweight
  sha224 sha256 sha384 sha512 shobj_description sign similar_escape similar_to_escape sind sinh slope split_part
  sqrt starts_with statement_timestamp stddev stddev_pop stddev_samp string_agg string_to_array string_to_table
  strip strpos substr substring sum table_to_xml table_to_xml_and_xmlschema table_to_xmlschema tan tand tanh
  timeofday timezone to_ascii to_char to_date to_hex to_json to_jsonb to_number to_oct to_regclass to_regcollation
  to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure to_regrole to_regtype to_regtypemod
  to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim_array trim_scale trunc ts_headline
  ts_rank ts_rank_cd ts_rewrite ts_stat tsmultirange tsquery_phrase tsrange tstzmultirange tstzrange
  tsvector_to_array txid_current txid_current_if_assigned txid_current_snapshot txid_snapshot_xip txid_snapshot_xmax
  txid_status txid_visible_in_snapshot unicode_assigned unicode_version unistr unnest upper upper_inc upper_inf
  uuidv4 uuidv7 var_pop var_samp variance version websearch_to_tsquery width width_bucket xml_is_well_formed
  xml_is_well_formed_content xml_is_well_formed_document xmlagg xmlcomment xmlexists xmltext xmlvalidate xpath
  xpath_exists
  `
    .trim()
    .split(/\s+/),
)
